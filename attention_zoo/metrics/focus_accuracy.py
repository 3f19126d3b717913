"""How often the most attended segment is the right one."""

import keras
from keras import ops

from attention_zoo.metrics._hits import counted, focus_hit


@keras.saving.register_keras_serializable(package="attention_zoo")
class FocusAccuracy(keras.metrics.Mean):
    """FT, "focus true": how often the most attended segment is the right one.

        FT = mean_i [ argmax_j a_ij = z_i ]                 z an index
        FT = mean_i [ argmax_j a_ij lies in rationale i ]   z a 0/1 mask

    A fraction in [0, 1], weighted by the sample weights. Of equal weights the first counts
    as the largest. Examples whose focus is unknown (a negative index, an empty rationale)
    or that have no segments (all weights 0) are left out; an index of m or more, which names no
    segment, and NaN weights make the metric NaN. NaN, too, while no example has counted: then
    FT is not 0 but unknown. Keras shows that as "nan" until an example with a known focus comes.

    Update arguments:
        y_true: index of the true segment `(b,)` or `(b, 1)`, or rationale mask `(b, m)`.
            With m = 1, `(b, 1)` is an index, unless it is bool: then it is a mask.
        y_pred: attention weights `(b, m)`.
        sample_weight: optional weights `(b,)` or `(b, 1)`.

    Reference: arXiv:2307.13421 (FT), arXiv:2212.14776.
    """

    def __init__(self, name="focus_accuracy", dtype="float32"):
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        hit, known = focus_hit(y_true, y_pred)
        super().update_state(*counted(hit, known, sample_weight))

    def result(self):
        return ops.divide(self.total, self.count)
