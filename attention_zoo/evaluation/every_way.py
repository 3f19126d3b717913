"""EveryWay: all that evaluations ask of a model, in one pass."""

import keras

from attention_zoo._explain.confidence import reasons
from attention_zoo._explain.deletions import Deletions
from attention_zoo._explain.encoders import can_leave_out, is_per_segment
from attention_zoo.evaluation.belief import masks
from attention_zoo.models import FocusClassifier


class EveryWay(keras.Model):
    """What a model says by all three ways to predict, and of inputs without some segments.

    Args:
        model: a FocusClassifier.
        top_k: number of the most attended segments that are named.
        curves: as of `evaluate`.
        leaves_out: whether segments are left out at all, of a model that can.

    Returns:
        Log-probabilities (b, c) by way to predict, "focus" and "mask" (b, m), the `REASONS` (b,),
        and, where segments are left out, log-probabilities (b, k, c) of what
        `belief.masks` leaves under "argmax_left" and so on, and "remains", bool (b, k), whether
        that is anything.
    """

    def __init__(self, model, top_k=1, curves="auto", leaves_out=True):
        if not isinstance(model, FocusClassifier):
            kind = type(model).__name__
            raise ValueError(f"the model is a {kind}, expected a FocusClassifier")
        if curves not in ("auto", True, False):
            raise ValueError(f"curves is {curves!r}, expected 'auto', True or False")
        super().__init__(name="every_way", dtype=model.dtype_policy, autocast=False)
        self.model = model
        self.top_k = top_k
        self.leaves_out = leaves_out
        self.curves = is_per_segment(model.encoder) if curves == "auto" else curves

    def build(self, input_shape):
        if not self.model.built:
            self.model.build(input_shape)
        self.built = True

    def call(self, inputs):
        found = Deletions(self.model, inputs)
        more = reasons(found.ways, self.model.way_to_predict, found.focus, found.mask)
        if self.leaves_out and can_leave_out(self.model):
            kept = masks(found, self.top_k, self.curves)
            more |= {f"{way}_left": log_p for way, log_p in found.of(kept).items()}
            more["remains"] = found.remains(kept)
        return found.ways | more | {"focus": found.focus, "mask": found.mask}
