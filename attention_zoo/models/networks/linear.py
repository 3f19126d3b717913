"""Linear focus and classification networks, as the theory of the learning dynamics has them."""

import keras

from attention_zoo.models.segment_shape import check_segment_shape


def linear_networks(segment_shape, num_classes):
    """s = u . x and logits W x of flattened segments: no bias, zero start.

    Reference: arXiv:2307.13421, gradient flow in the orthogonal setting.
    """
    check_segment_shape(segment_shape)
    return _linear(segment_shape, 1, "focus"), _linear(segment_shape, num_classes, "classifier")


def _linear(segment_shape, units, name):
    dense = keras.layers.Dense(units, use_bias=False, kernel_initializer="zeros")
    return keras.Sequential([keras.Input(segment_shape), keras.layers.Flatten(), dense], name=name)
