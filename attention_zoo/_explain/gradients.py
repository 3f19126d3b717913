"""Gradients by whatever backend Keras runs on."""

import keras
from keras import ops


def gradient(f, x):
    """That of the sum of f(x) by the floats x, of its shape."""
    x = ops.convert_to_tensor(x)
    if keras.backend.backend() == "jax":
        from attention_zoo._explain.gradients_jax import gradient as by_jax

        return by_jax(f, x)
    if keras.backend.backend() == "torch":
        from attention_zoo._explain.gradients_torch import gradient as by_torch

        return by_torch(f, x)
    return _by_tape(f, x)


def _by_tape(f, x):
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(x)
        y = ops.sum(f(x))
    found = tape.gradient(y, x, unconnected_gradients="zero")
    return tf.convert_to_tensor(found)
