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
        normalizer: as in `Attention`, for layers given by name.

    Reference: arXiv:2307.13421, hybrid.
    """

    def __init__(self, first="soft", second="hard", normalizer="softmax", **kwargs):
        first = get(first, normalizer=normalizer)
        second = get(second, normalizer=normalizer)
        _check_normalizers(first.normalizer, second.normalizer)
        super().__init__(normalizer=first.normalizer, **kwargs)
        self.first = first
        self.second = second
        self.inference = second.inference
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


def _check_normalizers(first, second):
    """Equal configs count as the same: loading makes two objects of one."""
    if first is second:
        return
    configs = [ops.serialize_normalizer(normalizer) for normalizer in (first, second)]
    if configs[0] != configs[1]:
        raise ValueError(
            f"first and second have the normalizers {configs[0]} and {configs[1]}, "
            "expected the same one"
        )
