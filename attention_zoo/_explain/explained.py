"""Explained: what an explanation is made of, as a layer, for Python and for SavedModels."""

import keras
import numpy as np
from keras import ops as kops

from attention_zoo._explain.confidence import reasons
from attention_zoo._explain.deletions import Deletions
from attention_zoo._explain.explanation import are_left
from attention_zoo.models.prediction import WAYS

TOP = 3  # most attended segments of which more is said


class Explained(keras.layers.Layer):
    """Of a FocusClassifier's inputs what `Explanation` holds.

    Args:
        model: a built FocusClassifier, whose inputs it takes and casts as the model does.
        top: number of the most attended segments to take away, one after the other.

    Returns:
        dict of
        "argmax", "marginal", "soft": log-probabilities (b, c) by that way to predict.
        "focus": attention (b, m); "mask": bool (b, m).
        "segments": numbers of the `top` most attended segments, int (b, top), -1 where there are
            fewer.
        "alone": log-probabilities (b, top, c) from each of them alone.
        "without": log-probabilities (b, top, c), by the model's own way, without the first of
            them, without the first two, and so on; where none is left, what the model says of none.
        "certainty", "agreement", "probability", "confidence": (b,), as of `reasons`.
    """

    def __init__(self, model, top=TOP):
        super().__init__(dtype=model.dtype_policy, autocast=False)
        self.model = model
        self.top = top

    def build(self, input_shape):
        self.built = True

    def call(self, inputs):
        way, deletions = self.model.way_to_predict, Deletions(self.model, inputs)
        rank, places = deletions.rank, range(self.top)
        alone, without = ([rank == place for place in places], [rank > place for place in places])
        found = deletions.of(alone + without, {"argmax", way})
        more = reasons(deletions.ways, way, deletions.focus, deletions.mask)
        return (
            deletions.ways
            | more
            | {
                "focus": deletions.focus,
                "mask": deletions.mask,
                "segments": first_of(deletions.order, self.top, deletions.count),
                "alone": found["argmax"][:, : self.top],
                "without": found[way][:, self.top :],
            }
        )


def first_of(order, top, count):
    """The first `top` of segments by rank: numbers (..., m) -> int32 (..., top).

    -1 where there are fewer; `count` is how many there are, int32, () or (..., 1).
    """
    free = [[0, 0]] * (len(order.shape) - 1)
    padded = kops.pad(kops.cast(order, "int32"), [*free, [0, top]])
    return kops.where(kops.arange(top, dtype="int32") < count, padded[..., :top], -1)


class Explainer(keras.Model):
    """A layer such as `Explained` as a model, which predicts in a compiled function."""

    def __init__(self, explained):
        super().__init__(name="explainer", dtype=explained.dtype_policy, autocast=False)
        self.explained = explained

    def build(self, input_shape):
        self.built = True

    def call(self, inputs):
        return self.explained(inputs)


def as_fields(found, mask):
    """What such a layer found, arrays by name, as fields of an `Explanation`; mask bool (b, m)."""
    same = ("segments", "certainty", "agreement", "confidence")
    left = are_left(mask, found["without"].shape[1])[..., None]
    return {
        "attention": found["focus"],
        "probabilities": {way: np.exp(found[way]) for way in WAYS},
        "alone": np.exp(found["alone"]),
        "without": np.where(left, np.exp(found["without"]), np.nan),
        "mask": mask,
        **{name: found[name] for name in same},
    }
