"""Standardize: features of mean 0 and variance 1, by what those to train on had."""

import itertools

import keras
import numpy as np
from keras import ops


@keras.saving.register_keras_serializable(package="attention_zoo")
class Standardize(keras.layers.Layer):
    """y = (x - mean) / deviation; mean and deviation are weights, set by `adapt` and not trained.

    Until then, mean 0 and deviation 1. A feature that never varied is left in its units. Computed
    in float32 under every dtype policy: a mean that is large beside the deviation would be rounded.
    What is around it must not round either: a `keras.Sequential` begins with a `keras.Input`, a
    layer or model of your own has `autocast=False`.

    Call arguments:
        x: (..., d).
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs | {"autocast": False})  # files of before have it among theirs

    def build(self, input_shape):
        options = {"shape": (input_shape[-1],), "trainable": False, "autocast": False}
        options["dtype"] = "float32"
        self.mean = self.add_weight(name="mean", initializer="zeros", **options)
        self.deviation = self.add_weight(name="deviation", initializer="ones", **options)

    def adapt(self, mean, deviation):
        """Takes the moments (d,) of the features."""
        self.mean.assign(mean)
        self.deviation.assign(ops.where(ops.array(deviation) > 0.0, deviation, 1.0))

    @property
    def is_adapted(self):
        """Whether mean and deviation are another's than 0 and 1."""
        return bool(ops.any(self.mean != 0.0) or ops.any(self.deviation != 1.0))

    def call(self, x):
        y = (ops.cast(x, "float32") - self.mean) / self.deviation
        return ops.cast(y, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape


_CHUNK = 1 << 18  # numbers that are in float64 at once


def moments(arrays):
    """Mean and deviation of all rows of arrays (n, ...), one array or more of one row or more.

    Returns:
        Two float64 arrays (...). A chunk of an array is in float64 at a time.
    """
    arrays = iter(arrays)
    one = next(arrays)
    first = one[0].astype(np.float64)  # near the mean: squares stay small
    total, square, count = np.zeros_like(first), np.zeros_like(first), 0
    rows = max(1, _CHUNK // first.size)
    for array in itertools.chain([one], arrays):
        for start in range(0, len(array), rows):
            x = array[start : start + rows].astype(np.float64)
            x -= first
            total += x.sum(axis=0)
            square += np.square(x, out=x).sum(axis=0)
        count += len(array)
    mean = total / count
    return first + mean, np.sqrt(np.maximum(square / count - mean**2, 0.0))
