"""How peaked attention is."""

import keras
from keras import ops

from attention_zoo.metrics._hits import attends, attention, counted
from attention_zoo.ops import entropy


@keras.saving.register_keras_serializable(package="attention_zoo")
class AttentionEntropy(keras.metrics.Mean):
    """How spread out attention is: its entropy, in nats.

        H = mean_i -sum_j a_ij log a_ij,   0 log 0 = 0

    From 0 (one segment has it all) to log m (all segments alike). Weighted by the sample
    weights. Examples that have no segments (all weights 0) are left out, as by `FocusAccuracy`. 0
    before the first example.

    Update arguments:
        y_true: ignored, may be `None`.
        y_pred: attention weights `(b, m)`.
        sample_weight: optional weights `(b,)` or `(b, 1)`.

    Reference: arXiv:2212.14776, entropy as a penalty on attention.
    """

    def __init__(self, name="attention_entropy", dtype="float32"):
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        a = ops.cast(attention(y_pred), self.dtype)
        super().update_state(*counted(entropy(a), attends(a), sample_weight))
