"""Normalisers: scores (b, m) -> attention (b, m), whose rows sum to 1 (to 0 if all are masked)."""

import math

import keras
from keras import ops

# Stands for "minus infinity" where a real one would turn 0 * inf into NaN in a gradient.
LOG_ZERO = -1e30


def softmax(scores, mask=None):
    """a = softmax(s) over the segments that `mask` (bool, the shape of scores) keeps."""
    scores = fill(ops.cast(scores, "float32"), mask, LOG_ZERO)
    # Of one segment Keras warns; its weight is 1, and NaN where its score is.
    a = ops.softmax(scores, axis=-1) if scores.shape[-1] != 1 else ops.exp(scores - scores)
    return fill(a, mask, 0.0)


def log_softmax(scores, mask=None):
    """log softmax(s); masked segments get a large negative number, never -inf."""
    scores = fill(ops.cast(scores, "float32"), mask, LOG_ZERO)
    return fill(ops.log_softmax(scores, axis=-1), mask, LOG_ZERO)


def sparsemax(scores, mask=None):
    """a = the point of the simplex nearest to s: max(s - tau, 0), tau such that a sums to 1.

    Reference: Martins and Astudillo, ICML 2016, arXiv:1602.02068.
    """
    s = _below_max(scores, mask)
    descending, ranks = _sorted(s)
    inside = 1.0 + ranks * descending > ops.cumsum(descending, axis=-1)
    # The sort only finds the support; the threshold on it is differentiable.
    tau = _threshold(s, descending, inside, _tau_of_sparsemax, 1)
    return fill(_summing_to_1(ops.relu(s - tau)), mask, 0.0)


def _tau_of_sparsemax(s, support):
    return (ops.sum(support * s, axis=-1, keepdims=True) - 1.0) / _size(support)


def entmax15(scores, mask=None):
    """a = max(s/2 - tau, 0)^2, tau such that a sums to 1: between softmax and sparsemax.

    Reference: Peters, Niculae and Martins, ACL 2019, arXiv:1905.05702 (alpha = 1.5).
    """
    s = _below_max(ops.cast(scores, "float32") / 2.0, mask)
    descending, ranks = _sorted(s)
    mean = ops.cumsum(descending, axis=-1) / ranks
    mean_square = ops.cumsum(ops.square(descending), axis=-1) / ranks
    inside = mean - _spread(mean, mean_square, ranks) <= descending
    tau = _threshold(s, descending, inside, _tau_of_entmax15, 2)
    return fill(_summing_to_1(ops.square(ops.relu(s - tau))), mask, 0.0)


def _tau_of_entmax15(s, support):
    size = _size(support)
    mean = ops.sum(support * s, axis=-1, keepdims=True) / size
    mean_square = ops.sum(support * ops.square(s), axis=-1, keepdims=True) / size
    return mean - _spread(mean, mean_square, size)


def spherical_softmax(scores, mask=None):
    """a_j = (s_j^2 + eps) / sum_k (s_k^2 + eps), eps = `keras.config.epsilon()`.

    Blind to the sign of s; eps makes equal weights where all s are 0.

    Reference: de Brebisson and Vincent, ICLR 2016, arXiv:1511.05042.
    """
    scores = fill(ops.cast(scores, "float32"), mask, 0.0)  # before the square: 0 * NaN is NaN
    square = fill(ops.square(scores) + keras.config.epsilon(), mask, 0.0)
    total = ops.sum(square, axis=-1, keepdims=True)
    return square / ops.where(total > 0.0, total, 1.0)


NORMALIZERS = {
    "softmax": softmax,
    "sparsemax": sparsemax,
    "entmax15": entmax15,
    "spherical_softmax": spherical_softmax,
}


def get_normalizer(identifier):
    """A normaliser from its name, from a callable `(scores, mask) -> weights`, or its config."""
    if isinstance(identifier, dict):
        identifier = keras.saving.deserialize_keras_object(identifier)
    if callable(identifier):
        return identifier
    if identifier not in NORMALIZERS:
        raise ValueError(
            f"normalizer is {identifier!r}, expected one of {sorted(NORMALIZERS)} or a callable"
        )
    return NORMALIZERS[identifier]


def serialize_normalizer(normalizer):
    """The name of a bundled normaliser, the Keras config of any other registered callable."""
    for name, function in NORMALIZERS.items():
        if normalizer is function:
            return name
    return keras.saving.serialize_keras_object(normalizer)


def log_weights(normalizer, scores, mask=None):
    """log of `normalizer(scores, mask)`, (b, m); exact for softmax also where a underflows."""
    if normalizer is softmax:
        return log_softmax(scores, mask)
    return safe_log(normalizer(scores, mask))


def safe_log(weights):
    """log a, with a large negative number and no gradient where a = 0; NaN where a is."""
    return ops.where(weights <= 0.0, LOG_ZERO, _log_or_0(weights))


def entropy(weights):
    """H(a) = -sum_j a_j log a_j in nats, (b, m) -> (b,); 0 log 0 is 0, without a gradient."""
    return -ops.sum(ops.multiply(weights, _log_or_0(weights)), axis=-1)


def _log_or_0(weights):
    """log a, and 0, without a gradient, where a = 0."""
    return ops.log(ops.where(weights <= 0.0, 1.0, weights))


def mean_or_0(x):
    """The mean of numbers, 0 of none: a replica may get no examples."""
    return ops.sum(x) / ops.maximum(ops.cast(ops.size(x), x.dtype), 1.0)


def fill(x, mask, value):
    """x, and a value where `mask` is False; x where there is no mask."""
    return x if mask is None else ops.where(mask, x, value)


# The sorted normalisers share these.


def _below_max(scores, mask):
    """s - max s, cut at -2: sparsemax and entmax give everything below -1 weight 0 anyway."""
    scores = fill(ops.cast(scores, "float32"), mask, LOG_ZERO)
    return ops.maximum(scores - ops.max(scores, axis=-1, keepdims=True), -2.0)


def _sorted(s):
    """s in descending order, without gradient, and the ranks 1..m."""
    descending = -ops.sort(-ops.stop_gradient(s), axis=-1)
    return descending, ops.cumsum(ops.ones_like(descending), axis=-1)


def _threshold(s, descending, inside, tau_of, power):
    """tau such that the sum of max(s - tau, 0)^power is 1, with a gradient.

    `inside` comes of sums along sorted entries, which in float32 are off by whole units along
    thousands of them, and so does tau of that support: Newton's method mends both. Nothing at -1 or
    below has weight.
    """
    inside = ops.logical_and(inside, descending > -1.0)
    last = ops.min(ops.where(inside, descending, math.inf), axis=-1, keepdims=True)
    fixed = ops.stop_gradient(s)
    found = tau_of(fixed, ops.cast(fixed >= last, "float32"))
    found = ops.clip(found, -1.0, _BELOW_0)
    for _ in range(_NEWTON_STEPS):
        above = ops.relu(fixed - found)
        excess = ops.sum(above**power, axis=-1, keepdims=True) - 1.0
        slope = ops.cast(above > 0.0, "float32") if power == 1 else power * above
        found = found + excess / ops.sum(slope, axis=-1, keepdims=True)
        found = ops.clip(found, -1.0, _BELOW_0)
    # d tau / d s by the implicit function: the formulas of tau cancel where a support is large.
    share = ops.relu(fixed - found) if power == 2 else ops.cast(fixed > found, "float32")
    share = share / ops.sum(share, axis=-1, keepdims=True)
    return found + ops.sum(share * (s - fixed), axis=-1, keepdims=True)


_BELOW_0 = -1e-7  # the largest score is 0, and has weight
_NEWTON_STEPS = 8  # of 100,000 segments that are nearly alike


def _size(support):
    return ops.sum(support, axis=-1, keepdims=True)


def _summing_to_1(a):
    """The weights, of which rounding of tau may have left more or less than 1, in thousands."""
    total = ops.stop_gradient(ops.sum(a, axis=-1, keepdims=True))
    return a / ops.where(total > 0.0, total, 1.0)


def _spread(mean, mean_square, size):
    """mean - tau of entmax-1.5 on `size` entries with these moments."""
    return ops.sqrt(ops.maximum(1.0 / size - (mean_square - ops.square(mean)), 1e-12))
