"""KeepBest: a run ends with the weights of its best epoch on the validation examples."""

import math

import keras

from attention_zoo._saving.weights_file import save_weights
from attention_zoo.layers import HybridAttention
from attention_zoo.training.averaging import averaged_weights

KEEP = {"accuracy": ("val_label_accuracy", 1), "loss": ("val_loss", -1)}


class KeepBest(keras.callbacks.Callback):
    """Keeps the weights of the best epoch and puts them back at the end of the training.

    Of equal epochs the first is the better. What the first phase of a hybrid achieved does not
    count once the second has begun: a hybrid ends in its second phase, and does not stop before.

    Args:
        workdir: the run's `Workdir`; holds best.weights.h5.
        figure: "accuracy" or "loss", of the validation examples.
        patience: number of epochs after the best one that training stops after; None never stops.

    Attributes:
        epoch: the best epoch, counted from 1; None before the first.
    """

    def __init__(self, workdir, figure, patience=None):
        super().__init__()
        self._workdir = workdir
        self._patience = patience
        self._name, self._sign = KEEP[figure]
        self.epoch, self._best, self._phase = None, None, 0

    def get_state(self):
        """What a resumed run needs, fit for JSON."""
        return {"epoch": self.epoch, "best": self._best, "phase": self._phase}

    def set_state(self, state):
        """Takes what `get_state` gave."""
        self.epoch, self._best, self._phase = state["epoch"], state["best"], state["phase"]

    def on_epoch_end(self, epoch, logs=None):
        phase, value = _phase(self.model), self._sign * float(logs[self._name])
        best = -math.inf if self._best is None else self._best
        if phase == self._phase and not value > best:  # nor where it is NaN
            self._stop_if_it_is_time(epoch + 1)
            return
        self.epoch, self._best, self._phase = epoch + 1, value, phase
        with averaged_weights(self.model):  # which the figure is of
            self._workdir.write("best.weights.h5", lambda path: save_weights(self.model, path))

    def _stop_if_it_is_time(self, epoch):
        hybrid_begins = isinstance(self.model.attention, HybridAttention) and self._phase == 0
        if self._patience is None or hybrid_begins:
            return
        if epoch - (self.epoch or 0) >= self._patience:
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        if self.epoch is not None:
            self.model.load_weights(self._workdir.path / "best.weights.h5")


def _phase(model):
    phase = getattr(model.attention, "phase", None)
    return 0 if phase is None else int(phase.numpy())
