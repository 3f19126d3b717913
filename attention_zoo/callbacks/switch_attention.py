"""SwitchAttention: a HybridAttention goes on to its second paradigm."""

import json
import numbers
import warnings

import keras
import numpy as np

from attention_zoo.callbacks.switch_signal import SwitchSignal
from attention_zoo.layers import HybridAttention
from attention_zoo.models.attention_model import strategy_scope


class SwitchAttention(keras.callbacks.Callback):
    """Switches a HybridAttention to its second paradigm, at the start of an epoch.

    A compiled step holds one phase and is traced again at the switch. A model whose phase is
    already 1, as in a resumed run, is left as it is.

    A signal is asked at the end of every epoch; when it says switch, the next epoch is the first of
    the second phase. What callback and signal have to remember is one of the attention's weights: a
    resumed run goes on as an unbroken one would if its model and optimizer are restored
    (`BackupAndRestore`, `ModelCheckpoint` with `initial_epoch`, `tf.train.Checkpoint`). `fit` of
    the package's models puts Keras's own behind this callback, as they are to save what it has seen
    of the epoch; a callback of your own that saves belongs there too. `get_state` and `set_state`
    are for a loop that keeps the state itself; what is set counts more than what the model has.
    Epoch 0 of a model in phase 0 begins a new run: what an earlier one left in callback and signal
    is forgotten.

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

    switches_attention = True  # else `fit` warns that nothing switches the hybrid

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
        self._first_state = self.get_state()
        self._kept = None  # the state as the model has it from here, JSON
        self._is_given = False  # by set_state, and the model has it not yet

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
        self._is_given = True

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

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 0 and self._is_first_phase():
            self.set_state(self._first_state)
        elif epoch > 0 and not self._is_given:
            self._take_from_model()
        if self._is_first_phase() and (self._is_due or self._is_epoch(epoch)):
            self._switch(epoch)
        self._leave_with_model()

    def on_epoch_end(self, epoch, logs=None):
        if self._signal is not None and self._is_first_phase() and not self._is_due:
            self._is_due = bool(self._signal.should_switch(epoch, logs or {}))
        self._leave_with_model()

    def _is_first_phase(self):
        return self.model.attention.trace_key[0] == 0

    def _is_epoch(self, epoch):
        return self._signal is None and epoch >= self.when

    def _take_from_model(self):
        """Takes the state that the model was restored with, if it is of the same kind of `when`."""
        text = self.model.attention.switch_state
        if text is None or text == self._kept:
            return
        state = json.loads(text)
        if state.pop("when") == self._kind():
            self.set_state(state)

    def _leave_with_model(self):
        """Leaves the state with the model, which saves it with its weights."""
        state = {"when": self._kind()} | self.get_state()
        self._is_given = False
        try:
            self._kept = self.model.attention.switch_state = json.dumps(state, default=_plain)
        except (TypeError, ValueError) as error:
            warnings.warn(
                f"the state of {self.when!r} cannot be saved with the model ({error}), expected "
                "what JSON can hold, and not much of it: a resumed run will count from the start",
                stacklevel=2,
            )
            self._kept = self.model.attention.switch_state = None

    def _kind(self):
        return "epoch" if self._signal is None else type(self._signal).__qualname__

    def _switch(self, epoch):
        self._is_due, self.switched_epoch = False, epoch
        self.model.attention.switch()
        if self.reset_optimizer:
            with strategy_scope(self.model):
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


def _plain(value):
    """NumPy's numbers and arrays, and tensors, as JSON has them."""
    if not hasattr(value, "__array__"):
        raise TypeError(f"it holds a {type(value).__name__}")
    return np.asarray(value).tolist()


def _is_epoch(when):
    return isinstance(when, numbers.Integral) and not isinstance(when, bool) and int(when) >= 0


def _is_signal(when):
    return isinstance(when, SwitchSignal) and not isinstance(when, type)


def _has_settable_rate(optimizer):
    return isinstance(optimizer.learning_rate, keras.Variable)
