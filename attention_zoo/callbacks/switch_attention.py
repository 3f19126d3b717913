"""SwitchAttention: a HybridAttention goes on to its second paradigm."""

import numbers

import keras

from attention_zoo.callbacks.switch_signal import SwitchSignal
from attention_zoo.layers import HybridAttention


class SwitchAttention(keras.callbacks.Callback):
    """Switches a HybridAttention to its second paradigm, at the start of an epoch.

    While this callback drives the training, traced graphs hold the present phase only (one
    compiled step a phase) and are traced again at the switch. A model whose phase is already 1,
    as in a resumed run, is left as it is.

    A signal is asked at the end of every epoch; when it says switch, the next epoch is the first of
    the second phase. A resumed run goes on as an unbroken one would if its model, its optimizer and
    this callback (`get_state`, `set_state`) are restored. Epoch 0 of a model in phase 0 begins a
    new run: what an earlier one left in callback and signal is forgotten.

    Besides `fit`, a loop of one's own may drive it through `keras.callbacks.CallbackList`.

    Args:
        when: the epoch (counted from 0) that is the first of the second phase, or a signal:
            FocusStalled, FocusDrive, or anything else that is a SwitchSignal.
        reset_optimizer: bool, start the second phase with fresh optimizer state, as the paper
            does.
        learning_rate: the second phase's learning rate; None keeps the present one (a schedule
            starts anew with fresh optimizer state).

    Attributes:
        switched_epoch: the number of epochs before the switch; None while there was none.

    Reference: arXiv:2307.13421, hybrid.
    """

    def __init__(self, when, reset_optimizer=True, learning_rate=None):
        super().__init__()
        self._signal = when if _is_signal(when) else None
        if self._signal is None and not _is_epoch(when):
            raise ValueError(
                f"when is {when!r}, expected an epoch: an int of 0 or more, or a signal such as "
                "FocusDrive()"
            )
        if learning_rate is not None and not learning_rate > 0:
            raise ValueError(f"learning_rate is {learning_rate}, expected a number above 0")
        self.when = when
        self.reset_optimizer = reset_optimizer
        self.learning_rate = learning_rate
        self.switched_epoch = None
        self._is_due = False
        self._trace_key = None
        self._first_state = self.get_state()

    def get_state(self):
        """What a resumed run needs, fit for JSON: switched_epoch, whether due, the signal's own."""
        return {
            "switched_epoch": self.switched_epoch,
            "is_due": self._is_due,
            "signal": self._signal.get_state() if self._signal is not None else None,
        }

    def set_state(self, state):
        """Takes what `get_state` gave, before the first epoch of the resumed run."""
        if (state["signal"] is None) != (self._signal is None):
            raise ValueError(
                f"when is {self.when!r}, but the state to restore is that of "
                f"{'an epoch' if state['signal'] is None else 'a signal'}, expected the same when"
            )
        self.switched_epoch = state["switched_epoch"]
        self._is_due = state["is_due"]
        if self._signal is not None:
            self._signal.set_state(state["signal"])

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
        if self._signal is not None:
            self._signal.bind(self.model)
        self._trace_key = None
        self._freeze_phase()

    def on_epoch_begin(self, epoch, logs=None):
        if self._is_first_phase():
            if epoch == 0:
                self.set_state(self._first_state)
            if self._is_due or (self._signal is None and epoch >= self.when):
                self._switch(epoch)
        self._freeze_phase()  # another callback may have restored a model in the other phase

    def on_epoch_end(self, epoch, logs=None):
        if self._signal is None or self._is_due:
            return
        if self._is_first_phase():
            self._is_due = bool(self._signal.should_switch(epoch, logs or {}))

    def on_train_end(self, logs=None):
        self.model.attention.release_phase()
        self.model.train_function = None  # traced with one phase

    def _is_first_phase(self):
        return int(self.model.attention.phase.numpy()) == 0

    def _freeze_phase(self):
        attention = self.model.attention
        attention.freeze_phase()
        if attention.trace_key != self._trace_key:
            self._trace_key = attention.trace_key
            self.model.make_train_function(force=True)

    def _switch(self, epoch):
        self._is_due, self.switched_epoch = False, epoch
        self.model.attention.switch()
        if self.reset_optimizer:
            with self.model.distribute_strategy.scope():
                reset(self.model.optimizer, self.model.trainable_variables)
        if self.learning_rate is not None:
            self.model.optimizer.learning_rate = self.learning_rate


def reset(optimizer, trainable_variables):
    """Sets an optimizer's state back to what it was before its first step; keeps its rate."""
    if not optimizer.built:
        return
    fresh = type(optimizer).from_config(optimizer.get_config())
    fresh.build(trainable_variables)
    for variable, value in zip(optimizer.variables, fresh.variables, strict=True):
        variable.assign(value)


def _is_epoch(when):
    return isinstance(when, numbers.Integral) and not isinstance(when, bool) and int(when) >= 0


def _is_signal(when):
    return isinstance(when, SwitchSignal) and not isinstance(when, type)


def _has_settable_rate(optimizer):
    return isinstance(optimizer.learning_rate, keras.Variable)
