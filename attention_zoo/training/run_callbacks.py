"""What a run does as it goes: progress bar, curves, a check of the loss."""

import keras
import numpy as np
from keras import ops
from tqdm.auto import tqdm

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
