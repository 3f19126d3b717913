"""Standardize: features of mean 0 and variance 1, by what the training instances had."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="attention_zoo")
class Standardize(keras.layers.Layer):
    """y = (x - mean) / deviation; mean and deviation are weights, set by `adapt` and not trained.

    Until then, mean 0 and deviation 1. A feature that never varied is left in its units.

    Call arguments:
        x: (..., d).
    """

    def build(self, input_shape):
        options = {"shape": (input_shape[-1],), "trainable": False}
        self.mean = self.add_weight(name="mean", initializer="zeros", **options)
        self.deviation = self.add_weight(name="deviation", initializer="ones", **options)

    def adapt(self, mean, deviation):
        """Takes the moments (d,) of the features."""
        self.mean.assign(mean)
        self.deviation.assign(ops.where(ops.array(deviation) > 0.0, deviation, 1.0))

    def call(self, x):
        return (x - self.mean) / self.deviation

    def compute_output_shape(self, input_shape):
        return input_shape
