"""Segments (b, m, ...): averages, the chosen ones, masks, bytes, NaN."""

import keras
from keras import ops

from attention_zoo._compiler import compiled_by_xla
from attention_zoo._pixels import from_bytes
from attention_zoo.ops.normalizers import LOG_ZERO


def zero_masked(values, mask):
    """Values (b, m, ...) with zeros where `mask` (bool (b, m), or None) is False."""
    if mask is None:
        return values
    trailing = (1,) * (len(values.shape) - 2)
    mask = ops.reshape(mask, (-1, ops.shape(values)[1], *trailing))  # (b, m, 1, ...)
    return ops.where(mask, values, ops.zeros_like(values))


def average(values, weights, mask=None):
    """sum_j a_j x_j: values (b, m, ...), weights (b, m) -> (b, ...) in the values' dtype.

    Integers are averaged in float32. Half floats are summed in float32: of 10,000 segments and more
    the weights, and what is added to the sum, would be lost. What `mask` (bool (b, m)) leaves out
    is read as zeros: a weight of 0 does not silence a NaN.
    """
    dtype = average_dtype(values)
    values = _in_float32(ops.cast(zero_masked(values, mask), dtype))
    weights = ops.cast(weights, values.dtype)
    trailing = (1,) * (len(values.shape) - 2)
    weights = ops.reshape(weights, (-1, ops.shape(values)[1], *trailing))  # (b, m, 1, ...)
    return ops.cast(_by_blocks(ops.sum, weights * values, 0.0), dtype)


def _by_blocks(reduce, x, nothing):
    """A sum over segments, (b, m, ...) -> (b, ...): of each 1,024 of them, then of these sums.

    TensorFlow on a CPU adds one after the other: the ones of a million came to 1 % too much. XLA
    does not, unless it is given blocks, which it joins to one sum.

    Args:
        reduce: callable of an array and an axis.
        nothing: what adds nothing.
    """
    b, m, *rest = ops.shape(x)
    if (isinstance(m, int) and m <= _BLOCK) or compiled_by_xla():
        return reduce(x, axis=1)
    block = _BLOCK if isinstance(m, int) else ops.clip(m, 1, _BLOCK)
    blocks = (m + block - 1) // block
    width = [(0, 0), (0, blocks * block - m)] + [(0, 0)] * len(rest)
    x = ops.pad(x, width, constant_values=nothing)
    x = ops.reshape(x, (b, blocks, block, *rest))
    return reduce(reduce(x, axis=2), axis=1)


_BLOCK = 1024


def _in_float32(x):
    """Half floats in float32; float64 as it is."""
    return ops.cast(x, keras.backend.result_type(x.dtype, "float32"))


def average_dtype(values):
    """The dtype of an average of values: theirs, float32 of integers."""
    dtype = keras.backend.standardize_dtype(values.dtype)
    return dtype if keras.backend.is_float_dtype(dtype) else "float32"


def log_average(log_values, log_weights):
    """log sum_j a_j v_j, stable: log v (b, m, c), log a (b, m) -> (b, c).

    A row without any weight gives 0, and gradient 0.
    """
    terms = ops.add(log_weights[..., None], log_values)
    if isinstance(ops.shape(terms)[1], int):
        total = _by_blocks(ops.logsumexp, terms, LOG_ZERO)
    else:  # one block is one sum, but for the last bit of its gradient
        total = ops.logsumexp(terms, axis=1)
    empty = ops.all(log_weights <= LOG_ZERO / 2, axis=1, keepdims=True)
    return ops.where(empty, 0.0, total)


def log_likelihoods(logits):
    """log softmax over the last axis, in float32: class log-probabilities in nats."""
    return ops.log_softmax(ops.cast(logits, "float32"), axis=-1)


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
    # The sum is NaN where a number is, or where infinities of both signs are: in float16 it would
    # come to these by itself.
    return ops.isnan(ops.sum(_in_float32(segments), axis=tuple(range(2, len(segments.shape)))))


def nan_where(broken, x):
    """x with NaN where `broken`, bool of the shape of its first axes."""
    if not keras.backend.is_float_dtype(keras.backend.standardize_dtype(x.dtype)):
        return x
    trailing = (1,) * (len(x.shape) - len(broken.shape))
    return ops.where(ops.reshape(broken, (*ops.shape(broken), *trailing)), float("nan"), x)
