"""Hybrid attention: one paradigm first, another from a switch on."""

import keras
from keras import ops as kops

from attention_zoo import ops
from attention_zoo.layers.base import Attention
from attention_zoo.layers.registry import attention, get


@attention("hybrid")
class HybridAttention(Attention):
    """Class scores of `first` until `switch()`, of `second` from then on.

    The paper's hybrid is soft first (it finds the focus fast), then hard (it makes the focus
    pay). `callbacks.SwitchAttention` switches during `model.fit`.

    The phase (0, then 1) is a weight, saved with the layer, and every traced graph holds a
    conditional on it: any graph is right in either phase. XLA runs convolutions inside a
    conditional some 80 times slower on a CPU; after `freeze_phase()` new traces hold the present
    phase only, and have to be traced again after a switch.

    Args:
        first, second: attention layers with the same normaliser, or names.
        normalizer: as in `Attention`; None takes that of a layer given as such, else softmax.

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
        self._frozen_phase = None

    def build(self, values_shape=None, scores_shape=None):
        self.first.build()
        self.second.build()
        self.built = True

    @property
    def trace_key(self):
        """The phase that new graphs hold, or None: they hold both."""
        return self._frozen_phase

    def switch(self):
        """Goes on to `second`."""
        self.phase.assign(1)
        if self._frozen_phase is not None:
            self.freeze_phase()

    def freeze_phase(self):
        """Makes graphs traced from now on hold the present phase only."""
        self._frozen_phase = int(kops.convert_to_numpy(self.phase))

    def release_phase(self):
        """Makes graphs traced from now on hold both phases again."""
        self._frozen_phase = None

    def class_scores(self, classify, segments, scores, mask=None, training=None):
        return self._by_phase(
            lambda layer: layer.class_scores(classify, segments, scores, mask, training)
        )

    def call(self, values, scores, mask=None, training=None):
        return self._by_phase(lambda layer: layer(values, scores, mask=mask, training=training))

    @property
    def observes(self):
        return self.first.observes or self.second.observes

    def observe(self, log_likelihood):
        self.first.observe(log_likelihood)
        self.second.observe(log_likelihood)

    def _by_phase(self, branch):
        if self._frozen_phase is not None:
            return branch(self.second if self._frozen_phase else self.first)
        return kops.cond(
            kops.equal(self.phase.value, 0),
            lambda: branch(self.first),
            lambda: branch(self.second),
        )

    def get_config(self):
        return super().get_config() | {
            "first": keras.saving.serialize_keras_object(self.first),
            "second": keras.saving.serialize_keras_object(self.second),
        }


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
