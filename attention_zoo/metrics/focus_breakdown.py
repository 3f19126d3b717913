"""Right or wrong place against right or wrong answer."""

import keras
from keras import ops

from attention_zoo.metrics._hits import counted, focus_hit, label_and_focus, prediction_hit


@keras.saving.register_keras_serializable(package="attention_zoo")
class FocusBreakdown(keras.metrics.Metric):
    """Right or wrong place against right or wrong answer.

        FTPT, FFPT, FTPF, FFPF = mean_i [ focus_i = F ][ prediction_i = P ]

    F: the focus is true as in `FocusAccuracy`; P: argmax_y q_i(y) is the label. So FFPT is
    the right answer from the wrong place. Fractions of the examples that count there; they sum
    to 1. NaN while none has counted, and where scores or weights of one that counts are NaN.

    Update arguments:
        y_true: `{"label": class ids (b,) or (b, 1), "focus": as in FocusAccuracy}`.
        y_pred: `{"label": class scores q (b, c), "focus": attention weights (b, m)}`.
        sample_weight: optional weights `(b,)` or `(b, 1)`.

    Returns from `result`:
        The four fractions, a dict of scalars by name.

    Reference: arXiv:2307.13421 and arXiv:2212.14776 (FTPT, FFPT, FTPF, FFPF).
    """

    def __init__(self, name="breakdown", dtype="float32"):
        super().__init__(name=name, dtype=dtype)
        self.counts = self.add_variable(
            shape=(4,), initializer="zeros", dtype=self.dtype, name="counts"
        )

    def update_state(self, y_true, y_pred, sample_weight=None):
        label, focus = label_and_focus(y_true, "y_true")
        q, a = label_and_focus(y_pred, "y_pred")
        f, known = focus_hit(focus, a)
        p = prediction_hit(label, q)
        cells = ops.stack([f * p, (1 - f) * p, f * (1 - p), (1 - f) * (1 - p)])  # (4, b)
        cells, weight = counted(cells, known, sample_weight)
        self.counts.assign_add(ops.sum(cells * weight, axis=-1))

    def result(self):
        fractions = ops.divide(self.counts, ops.sum(self.counts))
        return {name: fractions[i] for i, name in enumerate(("FTPT", "FFPT", "FTPF", "FFPF"))}
