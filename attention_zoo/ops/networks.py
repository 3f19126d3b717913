"""Networks of one segment, run on all segments at once."""

import functools

import keras
from keras import ops


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
