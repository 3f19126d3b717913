"""Pure tensor maths of attention: normalisers, averages, gathers, samples. No state.

Letters: b batch, m segments, c classes, d features; a attention weights, s scores, q class
scores. Everything about scores, weights and log-likelihoods is float32, whatever comes in.
"""

import functools
import math

import keras
from keras import ops

from attention_zoo._pixels import from_bytes
from attention_zoo._random import uniform

# Stands for "minus infinity" where a real one would turn 0 * inf into NaN in a gradient.
_LOG_ZERO = -1e30


# --- normalisers: scores (b, m) -> attention (b, m), rows sum to 1 (to 0 if all masked) ---


def softmax(scores, mask=None):
    """a = softmax(s) over the segments that `mask` (bool, the shape of scores) keeps."""
    scores = _fill(ops.cast(scores, "float32"), mask, _LOG_ZERO)
    # Of one segment Keras warns; its weight is 1, and NaN where its score is.
    a = ops.softmax(scores, axis=-1) if scores.shape[-1] != 1 else ops.exp(scores - scores)
    return _fill(a, mask, 0.0)


def log_softmax(scores, mask=None):
    """log softmax(s); masked segments get a large negative number, never -inf."""
    scores = _fill(ops.cast(scores, "float32"), mask, _LOG_ZERO)
    return _fill(ops.log_softmax(scores, axis=-1), mask, _LOG_ZERO)


def sparsemax(scores, mask=None):
    """a = the point of the simplex nearest to s: max(s - tau, 0), tau such that a sums to 1.

    Reference: Martins and Astudillo, ICML 2016, arXiv:1602.02068.
    """
    s = _below_max(scores, mask)
    descending, ranks = _sorted(s)
    inside = 1.0 + ranks * descending > ops.cumsum(descending, axis=-1)
    support, size = _support(s, descending, inside)
    # The sort only finds the support; the threshold on it is differentiable.
    tau = (ops.sum(support * s, axis=-1, keepdims=True) - 1.0) / size
    return _fill(ops.relu(s - tau), mask, 0.0)


def entmax15(scores, mask=None):
    """a = max(s/2 - tau, 0)^2, tau such that a sums to 1: between softmax and sparsemax.

    Reference: Peters, Niculae and Martins, ACL 2019, arXiv:1905.05702 (alpha = 1.5).
    """
    s = _below_max(ops.cast(scores, "float32") / 2.0, mask)
    descending, ranks = _sorted(s)
    mean = ops.cumsum(descending, axis=-1) / ranks
    mean_square = ops.cumsum(ops.square(descending), axis=-1) / ranks
    inside = mean - _spread(mean, mean_square, ranks) <= descending
    support, size = _support(s, descending, inside)
    mean = ops.sum(support * s, axis=-1, keepdims=True) / size
    mean_square = ops.sum(support * ops.square(s), axis=-1, keepdims=True) / size
    tau = mean - _spread(mean, mean_square, size)
    return _fill(ops.square(ops.relu(s - tau)), mask, 0.0)


def spherical_softmax(scores, mask=None):
    """a_j = (s_j^2 + eps) / sum_k (s_k^2 + eps), eps = `keras.config.epsilon()`.

    Blind to the sign of s; eps makes equal weights where all s are 0.

    Reference: de Brebisson and Vincent, ICLR 2016, arXiv:1511.05042.
    """
    scores = _fill(ops.cast(scores, "float32"), mask, 0.0)  # before the square: 0 * NaN is NaN
    square = _fill(ops.square(scores) + keras.config.epsilon(), mask, 0.0)
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
    zero = weights <= 0.0
    return ops.where(zero, _LOG_ZERO, ops.log(ops.where(zero, 1.0, weights)))


def entropy(weights):
    """H(a) = -sum_j a_j log a_j in nats, (b, m) -> (b,); 0 log 0 is 0, without a gradient."""
    return -ops.sum(weights * safe_log(weights), axis=-1)


# --- averages ---


def average(values, weights, mask=None):
    """sum_j a_j x_j: values (b, m, ...), weights (b, m) -> (b, ...) in the values' dtype.

    Integers are averaged in float32. What `mask` (bool (b, m)) leaves out is read as zeros: a
    weight of 0 does not silence a NaN.
    """
    values = ops.cast(zero_masked(values, mask), average_dtype(values))
    weights = ops.cast(weights, values.dtype)
    trailing = (1,) * (len(values.shape) - 2)
    weights = ops.reshape(weights, (-1, ops.shape(values)[1], *trailing))  # (b, m, 1, ...)
    return ops.sum(weights * values, axis=1)


def average_dtype(values):
    """The dtype of an average of values: theirs, float32 of integers."""
    dtype = keras.backend.standardize_dtype(values.dtype)
    return dtype if keras.backend.is_float_dtype(dtype) else "float32"


def log_average(log_values, log_weights):
    """log sum_j a_j v_j, stable: log v (b, m, c), log a (b, m) -> (b, c).

    A row without any weight gives 0, and gradient 0.
    """
    terms = ops.logsumexp(ops.add(log_weights[..., None], log_values), axis=1)
    empty = ops.all(log_weights <= _LOG_ZERO / 2, axis=1, keepdims=True)
    return ops.where(empty, 0.0, terms)


def log_likelihoods(logits):
    """log softmax over the last axis, in float32: class log-probabilities in nats."""
    return ops.log_softmax(ops.cast(logits, "float32"), axis=-1)


# --- segments ---


def zero_masked(values, mask):
    """Values (b, m, ...) with zeros where `mask` (bool (b, m), or None) is False."""
    if mask is None:
        return values
    trailing = (1,) * (len(values.shape) - 2)
    mask = ops.reshape(mask, (-1, ops.shape(values)[1], *trailing))  # (b, m, 1, ...)
    return ops.where(mask, values, ops.zeros_like(values))


def map_segments(function, segments, mask=None):
    """Runs `function`: (n, ...) -> (n, ...) on all segments at once: (b, m, ...) -> (b, m, ...).

    With a mask, bool (b, m), a Keras network that mixes the batch, as `BatchNormalization` does
    in training, or has an activity regularizer is run on the segments that are there alone, and
    gives zeros for the others. A function of `aware_of_mask` needs no mask here.
    """
    mask = _mask_known(function, segments) if mask is None else mask
    m, *segment_shape = ops.shape(segments)[1:]
    flat = ops.reshape(segments, (-1, *segment_shape))  # (b * m, ...)
    if mask is not None and (mixes_batch(function) or _regularizes_activity(function)):
        flat = _run_where(ops.reshape(mask, (-1,)), function, flat)
    else:
        flat = function(flat)
    return ops.reshape(flat, (-1, m, *ops.shape(flat)[1:]))


def aware_of_mask(network, training, segments, mask):
    """The network, told of training, of which `map_segments` of these very segments knows the mask.

    So an attention that forgets the mask has no padding counted in the means of a batch.
    """
    told = functools.partial(network, training=training)
    told.known_mask = segments, mask  # type: ignore[attr-defined]
    return told


def _mask_known(function, segments):
    """Not of others, as of samples of the segments: they are all there."""
    of, mask = getattr(function, "known_mask", (None, None))
    return mask if of is segments else None


def mixes_batch(function):
    """Whether a network's output for one segment depends, in training, on the others beside it."""
    return any(
        isinstance(layer, keras.layers.BatchNormalization) and layer.trainable
        for layer in _layers_of(function)
    )


def _layers_of(function):
    """The layers of a network, or of one with arguments (`functools.partial`); none of others."""
    network = function.func if isinstance(function, functools.partial) else function
    return network._flatten_layers() if isinstance(network, keras.Layer) else ()


def _regularizes_activity(function):
    """Whether a network adds a loss of its outputs, those of padding too; not asked on JAX.

    There the number of rows cannot depend on a mask.
    """
    return keras.backend.backend() != "jax" and any(
        layer.activity_regularizer is not None for layer in _layers_of(function)
    )


def _run_where(there, function, rows):
    """`function` of the rows (n, ...) that are `there` (bool (n,)), zeros for the others."""
    n = ops.shape(rows)[0]
    nothing = ops.logical_not(ops.any(there))  # then one row of zeros: of none there is no mean
    there = ops.logical_or(there, ops.logical_and(nothing, ops.arange(n) == 0))
    try:
        index = ops.cast(ops.nonzero(there)[0], "int32")
    except TypeError as error:  # JAX, in what it compiles
        raise ValueError(
            "JAX compiles for shapes that do not depend on a mask, expected a network without "
            "BatchNormalization beside masked segments, or another backend"
        ) from error
    outputs = function(ops.take(rows, index, axis=0))
    return ops.scatter(index[:, None], outputs, (n, *ops.shape(outputs)[1:]))


def gather_segments(values, index):
    """values (b, m, ...), index int (b, k) -> the named segments (b, k, ...); reads no others."""
    b, m, *segment_shape = ops.shape(values)
    rows = ops.cast(index, "int32") + m * ops.expand_dims(ops.arange(b, dtype="int32"), 1)
    return ops.take(ops.reshape(values, (-1, *segment_shape)), rows, axis=0)


def choose_segment(values, weights):
    """The segment with the largest weight: (b, m, ...), (b, m) -> (b, ...).

    A tie goes to the first; a row whose weights are all 0 gives zeros.
    """
    chosen = gather_segments(values, ops.argmax(weights, axis=1)[:, None])[:, 0]
    present = ops.any(weights > 0.0, axis=1)
    present = ops.reshape(present, (-1,) + (1,) * (len(values.shape) - 2))
    return ops.where(present, chosen, ops.zeros_like(chosen))


def scaled(segments):
    """Segments as float32: bytes (uint8) in [-1, 1], by (x - 127.5) / 127.5, floats as they are.

    Raises:
        ValueError: integers of another type, of which it is not known whether they are bytes.
    """
    is_bytes = keras.backend.standardize_dtype(segments.dtype) == "uint8"
    if is_integer(segments) and not is_bytes:
        dtype = keras.backend.standardize_dtype(segments.dtype)
        raise ValueError(
            f"segments are integers ({dtype}) of shape {tuple(segments.shape)}, expected bytes "
            "(uint8), which are scaled by (x - 127.5) / 127.5, or floats that are scaled already"
        )
    segments = ops.cast(segments, "float32")
    return from_bytes(segments) if is_bytes else segments


def is_integer(x):
    """Whether a tensor or array has integers, signed or not."""
    return keras.backend.standardize_dtype(x.dtype).startswith(("int", "uint"))


def any_nan(segments):
    """Which segments have a NaN in them: (b, m, ...) -> bool (b, m); none of integers have."""
    if not keras.backend.is_float_dtype(keras.backend.standardize_dtype(segments.dtype)):
        return ops.zeros(ops.shape(segments)[:2], "bool")
    # The sum is NaN where a number is, or where infinities of both signs are.
    return ops.isnan(ops.sum(segments, axis=tuple(range(2, len(segments.shape)))))


def nan_where(broken, x):
    """x with NaN where `broken`, bool of the shape of its first axes."""
    if not keras.backend.is_float_dtype(keras.backend.standardize_dtype(x.dtype)):
        return x
    trailing = (1,) * (len(x.shape) - len(broken.shape))
    return ops.where(ops.reshape(broken, (*ops.shape(broken), *trailing)), float("nan"), x)


# --- samples ---


def gumbel_noise(shape, seed_generator):
    """Standard Gumbel noise, float32: argmax_j(log a_j + noise_j) is a sample of a."""
    return -ops.log(-ops.log(uniform(shape, seed_generator)))


def one_hot_argmax(weights, where=None):
    """The one-hot row of the largest entry, float32; zeros where `where`, bool (b, m), is False."""
    index = ops.argmax(weights, axis=-1)
    return _fill(ops.one_hot(index, ops.shape(weights)[-1], dtype="float32"), where, 0.0)


def straight_through(forward, backward):
    """Has the value of `forward`, exactly, and the gradient of `backward`."""
    return ops.stop_gradient(forward) + (backward - ops.stop_gradient(backward))


# --- the sorted normalisers share ---


def _fill(x, mask, value):
    return x if mask is None else ops.where(mask, x, value)


def _below_max(scores, mask):
    """s - max s, cut at -2: sparsemax and entmax give everything below -1 weight 0 anyway."""
    scores = _fill(ops.cast(scores, "float32"), mask, _LOG_ZERO)
    return ops.maximum(scores - ops.max(scores, axis=-1, keepdims=True), -2.0)


def _sorted(s):
    """s in descending order, without gradient, and the ranks 1..m."""
    descending = -ops.sort(-ops.stop_gradient(s), axis=-1)
    return descending, ops.cumsum(ops.ones_like(descending), axis=-1)


def _support(s, descending, inside):
    """0/1 indicator of the entries not below the last sorted one `inside`, and their number."""
    last = ops.min(ops.where(inside, descending, math.inf), axis=-1, keepdims=True)
    support = ops.cast(ops.stop_gradient(s) >= last, "float32")
    return support, ops.sum(support, axis=-1, keepdims=True)


def _spread(mean, mean_square, size):
    """mean - tau of entmax-1.5 on `size` entries with these moments."""
    return ops.sqrt(ops.maximum(1.0 / size - (mean_square - ops.square(mean)), 1e-12))
