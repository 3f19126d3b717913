"""Samples of attention, and gradients through them."""

from keras import ops

from attention_zoo._random import uniform
from attention_zoo.ops.normalizers import fill


def gumbel_noise(shape, seed_generator):
    """Standard Gumbel noise, float32: argmax_j(log a_j + noise_j) is a sample of a."""
    return -ops.log(-ops.log(uniform(shape, seed_generator)))


def one_hot_argmax(weights, where=None):
    """The one-hot row of the largest entry, float32; zeros where `where`, bool (b, m), is False."""
    index = ops.argmax(weights, axis=-1)
    return fill(ops.one_hot(index, ops.shape(weights)[-1], dtype="float32"), where, 0.0)


def straight_through(forward, backward):
    """Has the value of `forward`, exactly, and the gradient of `backward`."""
    forward, backward = ops.convert_to_tensor(forward), ops.convert_to_tensor(backward)
    return ops.stop_gradient(forward) + (backward - ops.stop_gradient(backward))
