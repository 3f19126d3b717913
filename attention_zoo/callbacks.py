"""Callbacks for `model.fit`."""

import keras
import numpy as np

from attention_zoo.layers import HybridAttention


class SwitchAttention(keras.callbacks.Callback):
    """Switches a HybridAttention to its second paradigm, at the start of an epoch.

    While this callback drives the training, traced graphs hold the present phase only (one
    compiled step a phase) and are traced again at the switch. A model whose phase is already 1,
    as in a resumed run, is left as it is.

    Args:
        when: the epoch (counted from 0) that is the first of the second phase.
        reset_optimizer: bool, start the second phase with fresh optimizer state, as the paper
            does.
        learning_rate: the second phase's learning rate; None keeps the present one.

    Reference: arXiv:2307.13421, hybrid.
    """

    def __init__(self, when, reset_optimizer=True, learning_rate=None):
        super().__init__()
        if not isinstance(when, int) or isinstance(when, bool) or when < 0:
            raise ValueError(f"when is {when!r}, expected an epoch: an int of 0 or more")
        if learning_rate is not None and not learning_rate > 0:
            raise ValueError(f"learning_rate is {learning_rate}, expected a number above 0")
        self.when = when
        self.reset_optimizer = reset_optimizer
        self.learning_rate = learning_rate

    def on_train_begin(self, logs=None):
        attention = getattr(self.model, "attention", None)
        if not isinstance(attention, HybridAttention):
            raise ValueError(
                f"SwitchAttention got a model with attention {type(attention).__name__}, "
                "expected HybridAttention"
            )
        attention.freeze_phase()

    def on_epoch_begin(self, epoch, logs=None):
        if epoch >= self.when and int(self.model.attention.phase.numpy()) == 0:
            self._switch()

    def on_train_end(self, logs=None):
        self.model.attention.release_phase()
        self.model.train_function = None  # traced with one phase

    def _switch(self):
        self.model.attention.switch()
        if self.reset_optimizer:
            reset(self.model.optimizer)
        if self.learning_rate is not None:
            self.model.optimizer.learning_rate = self.learning_rate
        self.model.make_train_function(force=True)


def reset(optimizer):
    """Sets an optimizer's state back to what it was before its first step; keeps its rate."""
    for variable in optimizer.variables:
        if variable is not optimizer._learning_rate:
            variable.assign(np.zeros(variable.shape))
