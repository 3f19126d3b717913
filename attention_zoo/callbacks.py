"""Callbacks for `model.fit`."""

import keras

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
        learning_rate: the second phase's learning rate; None keeps the present one (a schedule
            starts anew with fresh optimizer state).

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
        if self.learning_rate is not None and not _has_settable_rate(self.model.optimizer):
            raise ValueError(
                f"learning_rate is {self.learning_rate}, but the optimizer's follows a schedule; "
                "expected an optimizer with a number, or learning_rate=None"
            )
        attention.freeze_phase()
        self.model.make_train_function(force=True)  # an earlier one may hold the other phase

    def on_epoch_begin(self, epoch, logs=None):
        if epoch >= self.when and int(self.model.attention.phase.numpy()) == 0:
            self._switch()

    def on_train_end(self, logs=None):
        self.model.attention.release_phase()
        self.model.train_function = None  # traced with one phase

    def _switch(self):
        self.model.attention.switch()
        if self.reset_optimizer:
            with self.model.distribute_strategy.scope():
                reset(self.model.optimizer, self.model.trainable_variables)
        if self.learning_rate is not None:
            self.model.optimizer.learning_rate = self.learning_rate
        self.model.make_train_function(force=True)


def reset(optimizer, trainable_variables):
    """Sets an optimizer's state back to what it was before its first step; keeps its rate."""
    if not optimizer.built:
        return
    fresh = type(optimizer).from_config(optimizer.get_config())
    fresh.build(trainable_variables)
    for variable, value in zip(optimizer.variables, fresh.variables, strict=True):
        variable.assign(value)


def _has_settable_rate(optimizer):
    return isinstance(optimizer.learning_rate, keras.Variable)
