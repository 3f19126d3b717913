"""What a run does as it goes: progress bar, curves, a check of the loss, its best epoch kept."""

import contextlib
import math

import keras
import numpy as np
from keras import ops
from tqdm.auto import tqdm

from attention_zoo._json import loads
from attention_zoo._saving.weights_file import save_weights
from attention_zoo.layers import HybridAttention
from attention_zoo.training.averaging import averaged_weights
from attention_zoo.training.checkpoints import find_checkpoints


class Progress(keras.callbacks.Callback):
    """One progress bar over all steps of the run, with the time left and the newest figures."""

    def __init__(self):
        super().__init__()
        self._bar: tqdm = None
        self._epoch = 0

    def on_train_begin(self, logs=None):
        steps, done = self.params["steps"], self.params["first_step"]
        total = steps * self.params["epochs"]
        self._epoch = done // steps
        self._bar = tqdm(total=total, initial=done, unit="step", dynamic_ncols=True)

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        self._bar.set_description(f"epoch {self._epoch + 1}", refresh=False)

    def on_train_batch_end(self, batch, logs=None):
        self._bar.set_postfix(_headline(logs, ""), refresh=False)
        self._bar.update(self.params["steps"] * self._epoch + batch + 1 - self._bar.n)

    def on_epoch_end(self, epoch, logs=None):
        self._bar.set_postfix(_headline(logs, "val_"))

    def on_train_end(self, logs=None):
        self._bar.close()


def _headline(logs, prefix):
    """The figures to watch, as far as they are known, with their common prefix."""
    names = {"loss": "loss", "label_accuracy": "accuracy", "focus_accuracy": "FT"}
    return {
        prefix + short: f"{logs[prefix + name]:.3f}"
        for name, short in names.items()
        if prefix + name in logs
    }


class StopIfNotFinite(keras.callbacks.Callback):
    """Stops the run, with an error that says where, when the loss or a weight is not finite.

    The loss of a step is that before its update, a checkpoint is made after it: hence the weights,
    and at the end of an epoch the loss on the validation examples.
    """

    def __init__(self, workdir):
        super().__init__()
        self._workdir = workdir
        self._epoch = 0

    def on_train_begin(self, logs=None):
        self._epoch = self.params["first_step"] // self.params["steps"]

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if not np.isfinite(logs["loss"]):
            self._stop(f"loss is {logs['loss']}", batch)
        for variable in self.model.trainable_variables:
            if not ops.all(ops.isfinite(variable)):
                self._stop(f"{variable.path} has values that are not finite", batch)

    def on_epoch_end(self, epoch, logs=None):
        if not np.isfinite(logs.get("val_loss", 0.0)):
            self._stop(f"val_loss is {logs['val_loss']}", self.params["steps"] - 1)

    def _stop(self, what, batch):
        checkpoints = find_checkpoints(self._workdir.path / "checkpoints")
        raise FloatingPointError(
            f"{what} at epoch {self._epoch + 1}, by step {batch + 1}, expected finite numbers; the "
            f"last good checkpoint is {next(iter(checkpoints), 'none')}"
        )


class WriteMetrics(keras.callbacks.Callback):
    """Writes the curves, `metrics.csv`, after every epoch."""

    def __init__(self, workdir):
        super().__init__()
        self._workdir = workdir
        self._rows = workdir.read_metrics()

    def on_train_begin(self, logs=None):
        done = self.params["first_step"] // self.params["steps"]
        if len(self._rows) < done:
            path = self._workdir.path / "metrics.csv"
            raise ValueError(
                f"{path} has {len(self._rows)} epochs, expected the {done} before the checkpoint: "
                "put the file back, or begin in a new workdir"
            )

    def on_epoch_end(self, epoch, logs=None):
        learning_rate = float(self.model.optimizer.learning_rate.numpy())
        row = {"epoch": epoch + 1, "learning_rate": learning_rate}
        self._rows[epoch:] = [row | {name: float(value) for name, value in logs.items()}]
        self._workdir.write_metrics(self._rows)


KEEP = {"accuracy": ("val_label_accuracy", 1), "loss": ("val_loss", -1)}


class KeepBest(keras.callbacks.Callback):
    """Keeps the weights of the best epoch and puts them back at the end of the training.

    Of equal epochs the first is the better. What the first phase of a hybrid achieved does not
    count once the second has begun: a hybrid ends in its second phase, and does not stop before.

    Args:
        workdir: the run's `Workdir`; holds best-EPOCH.weights.h5, of this and of every epoch that
            a checkpoint goes back to.
        figure: "accuracy" or "loss", of the validation examples.
        patience: number of epochs after the best one that training stops after; None never stops.

    Attributes:
        epoch: the best epoch, counted from 1; None before the first.
    """

    def __init__(self, workdir, figure, patience=None):
        super().__init__()
        self._workdir = workdir
        self._patience = patience
        self._keep = figure
        self._name, self._sign = KEEP[figure]
        self.epoch, self._best, self._phase = None, None, 0

    def get_state(self):
        """What a resumed run needs, fit for JSON."""
        return {"epoch": self.epoch, "best": self._best, "phase": self._phase}

    def set_state(self, state):
        """Takes what `get_state` gave."""
        self.epoch, self._best, self._phase = state["epoch"], state["best"], state["phase"]

    def on_epoch_end(self, epoch, logs=None):
        phase, value = _phase(self.model), self._sign * self._figure_of(logs)
        best = -math.inf if self._best is None else self._best
        if phase == self._phase and not value > best:  # nor where it is NaN
            self._stop_if_it_is_time(epoch + 1)
            return
        self.epoch, self._best, self._phase = epoch + 1, value, phase
        with averaged_weights(self.model):  # which the figure is of
            self._workdir.write(_kept(self.epoch), lambda path: save_weights(self.model, path))
        self._clear_up()

    def _clear_up(self):
        """Removes weights of epochs that nobody goes back to."""
        needed = {_kept(self.epoch), *map(_kept, self._epochs_of_checkpoints())}
        for path in self._workdir.path.glob(_kept("*")):
            if path.name not in needed:
                self._workdir.remove_file(path.name)

    def _epochs_of_checkpoints(self):
        for path in find_checkpoints(self._workdir.path / "checkpoints"):
            with contextlib.suppress(OSError, ValueError):  # a damaged one is not gone back to
                for name, state in loads((path / "state.json").read_bytes())["callbacks"].items():
                    if name.endswith(f" {type(self).__name__}"):
                        yield state["epoch"]

    def _figure_of(self, logs):
        if self._name not in logs:
            there = sorted(name for name in logs if name.startswith("val_"))
            raise ValueError(
                f"keep is {self._keep!r}, whose figure {self._name} is none of the model's, "
                f"{there}, expected 'last', or a figure that is"
            )
        return float(logs[self._name])

    def _stop_if_it_is_time(self, epoch):
        attention = getattr(self.model, "attention", None)
        hybrid_begins = isinstance(attention, HybridAttention) and self._phase == 0
        if self._patience is None or hybrid_begins:
            return
        if epoch - (self.epoch or 0) >= self._patience:
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        if self.epoch is None:
            return
        path = self._workdir.path / _kept(self.epoch)
        if path.exists():
            self._clear_up()
        else:  # earlier versions had one file, of the best epoch so far
            path = path.with_name("best.weights.h5")
        self.model.load_weights(path)


def _kept(epoch):
    """The name of the file with the weights of the best epoch."""
    return f"best-{epoch}.weights.h5"


def _phase(model):
    phase = getattr(getattr(model, "attention", None), "phase", None)
    return 0 if phase is None else int(phase.numpy())
