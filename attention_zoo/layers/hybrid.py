"""Hybrid attention: one paradigm first, another from a switch on."""

import warnings

import keras
import numpy as np
from keras import ops as kops

from attention_zoo import ops
from attention_zoo._assertions import require
from attention_zoo._tracing import known_int
from attention_zoo.layers.base import Attention
from attention_zoo.layers.registry import attention, get


@attention("hybrid")
class HybridAttention(Attention):
    """Class scores of `first` until `switch()`, of `second` from then on.

    The paper's hybrid is soft first (it finds the focus fast), then hard (it makes the focus
    pay). `callbacks.SwitchAttention` switches during `model.fit`.

    A call, `layer(values, scores)`, is the weighted average as in `SoftAttention`; only
    `class_scores` differs, which a functional model has to call (examples/class_scores.py).

    The phase (0, then 1) is a weight, saved with the layer. A traced graph holds the phase that it
    was traced in: FocusClassifier, Captioner and the trainers trace again where it has changed,
    also by loaded weights. A `tf.function` of your own, or that of another Keras model, has to be
    traced again where `trace_key` changes; run in the other phase it raises an error (not under
    XLA or JAX, which cannot).

    Args:
        first, second: attention layers with the same normaliser, or names.
        normalizer: as in `Attention`; None takes that of a layer given as such, else softmax.

    Attributes:
        switch_state: str, what `SwitchAttention` has to remember, None if there is nothing: a
            weight too, its bytes.

    Reference: arXiv:2307.13421, hybrid.
    """

    def __init__(self, first="soft", second="hard", normalizer=None, **kwargs):
        given = [layer if isinstance(layer, str) else get(layer) for layer in (first, second)]
        super().__init__(normalizer=_the_normalizer(normalizer, *given), **kwargs)
        self.first, self.second = (get(layer, normalizer=self.normalizer) for layer in given)
        self.inference = self.second.inference
        self.phase = self.add_weight(
            shape=(),
            dtype="int32",
            initializer="zeros",
            trainable=False,
            autocast=False,
            aggregation="only_first_replica",
            name="phase",
        )
        self._switch_state = self.add_weight(
            shape=(_ROOM,),
            dtype="uint8",
            initializer="zeros",
            trainable=False,
            autocast=False,
            aggregation="only_first_replica",
            name="switch_state",
        )
        self._known_phase = 0

    def build(self, values_shape=None, scores_shape=None):
        self.first.build()
        self.second.build()
        self.built = True

    def parts(self):
        return self, *self.first.parts(), *self.second.parts()

    @property
    def trace_key(self):
        """The phase, and the key of the attention whose phase it is."""
        phase = self._present_phase()
        return phase, (self.first, self.second)[phase].trace_key

    def switch(self):
        """Goes on to `second`."""
        self.phase.assign(1)
        self._present_phase()

    def of_phase(self):
        """The attention whose phase it is; a graph that calls this holds that one."""
        phase = self._present_phase()
        require(kops.equal(self.phase, phase), f"{self.name}: {_STALE}", _EXPECTED)
        return (self.first, self.second)[phase].of_phase()

    def _present_phase(self):
        """The phase as an int, or as last known where the variable cannot be read."""
        phase = known_int(self.phase)
        if phase is not None:
            self._known_phase = phase
        return self._known_phase

    def attend(self, scores, mask=None):
        return self.of_phase().attend(scores, mask)

    def log_attend(self, scores, mask=None):
        return self.of_phase().log_attend(scores, mask)

    def class_scores(self, classify, segments, scores, mask=None, training=None):
        return self.of_phase().class_scores(classify, segments, scores, mask, training)

    def call(self, values, scores, mask=None, training=None):
        return self.of_phase()(values, scores, mask=mask, training=training)

    @property
    def observes(self):
        return self.first.observes or self.second.observes

    def observe(self, log_likelihood):
        self.first.observe(log_likelihood)
        self.second.observe(log_likelihood)

    def check_callbacks(self, callbacks):
        if self._present_phase() or any(_switches(callback) for callback in callbacks):
            return
        first, second = type(self.first).__name__, type(self.second).__name__
        warnings.warn(
            f"attention is hybrid and no callback switches it: it stays with {first} and never "
            f"goes on to {second}, expected callbacks=[SwitchAttention(when=...)] in fit",
            stacklevel=3,
        )

    @property
    def switch_state(self):
        return bytes(kops.convert_to_numpy(self._switch_state)).rstrip(b"\0").decode() or None

    @switch_state.setter
    def switch_state(self, text):
        data = (text or "").encode()
        if len(data) > _ROOM:
            raise ValueError(f"switch_state has {len(data)} bytes, expected {_ROOM} or fewer")
        self._switch_state.assign(np.frombuffer(data.ljust(_ROOM, b"\0"), "uint8"))

    def load_own_variables(self, store):
        if "1" in store.keys():  # noqa: SIM118
            super().load_own_variables(store)
        else:  # of a version that kept no weight for the state of a switch
            self.phase.assign(store["0"])
            saved = store["switch_state"] if "switch_state" in store.keys() else ()  # noqa: SIM118
            self.switch_state = bytes(np.asarray(saved, "uint8")).decode()
        self._present_phase()

    def get_config(self):
        return super().get_config() | {
            "first": keras.saving.serialize_keras_object(self.first),
            "second": keras.saving.serialize_keras_object(self.second),
        }


_ROOM = 4096  # bytes for what a switch has to remember; those of the package's signals take 200
_STALE = "this graph was traced in the other phase"
_EXPECTED = "expected it to be traced again after the switch (for a Keras model: compile it again)"


def _switches(callback):
    return getattr(callback, "switches_attention", False)


def _the_normalizer(argument, first, second):
    """The one that the argument and the layers name; softmax if none does."""
    named = {} if argument is None else {"normalizer": ops.get_normalizer(argument)}
    for name, layer in (("first", first), ("second", second)):
        if isinstance(layer, Attention):
            named[name] = layer.normalizer
    if not named:
        return ops.softmax
    chosen, *others = named.values()
    if not all(_same(chosen, other) for other in others):
        got = ", ".join(f"{ops.serialize_normalizer(n)} ({name})" for name, n in named.items())
        raise ValueError(f"the normalizers are {got}, expected the same one")
    return chosen


def _same(normalizer, other):
    """Equal configs count as the same: loading makes two objects of one."""
    return normalizer is other or (
        ops.serialize_normalizer(normalizer) == ops.serialize_normalizer(other)
    )
