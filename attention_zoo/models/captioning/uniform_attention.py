"""Attention that chooses nothing: what learned attention has to beat."""

import keras

from attention_zoo import ops


@keras.saving.register_keras_serializable(package="attention_zoo")
def uniform(scores, mask=None):
    """a_j = 1 / m over the m segments that `mask` keeps: a normaliser without a gradient.

    `SoftAttention(normalizer=uniform)` averages the segments all alike. The scores still have a
    gradient, 0, so that networks that make them can be trained beside others.
    """
    return ops.softmax(0.0 * scores, mask)
