"""Inputs as FocusClassifier takes them: segments, and which of them are there."""

import keras
from keras import ops

from attention_zoo.layers.masks import check_shapes, conjunction, masked
from attention_zoo.models.bags import ragged_inputs


def segments_shape(input_shape):
    """The segments' shape out of the inputs' shape, one or a dict of them."""
    nested = isinstance(input_shape, dict) or any(isinstance(n, tuple | list) for n in input_shape)
    return split(input_shape)[0] if nested else input_shape


def masked_segments(inputs, mask=None):
    """The segments (b, m, ...), zeros where they are masked, and their mask, bool (b, m), or None.

    A segment is there if the mask argument, the inputs' "mask" and the mask that Keras keeps with
    the segments all say so.

    Args:
        inputs: segments, or a dict of "segments" and "mask".
        mask: (b, m), or, as Keras finds it on a dict of inputs, a dict with "segments".
    """
    segments, given = split(ragged_inputs(inputs))
    if isinstance(mask, dict):
        mask = mask["segments"]
    for one in (mask, given):
        check_shapes(segments, None, one)
    return masked(segments, None, conjunction(mask, given))


def split(inputs):
    """(segments, mask or None)."""
    if isinstance(inputs, tuple | list):
        raise ValueError(
            f"inputs are a {type(inputs).__name__} of {len(inputs)}, expected segments, or a dict "
            "of 'segments' and 'mask', such as datasets.pad makes of bags"
        )
    if not isinstance(inputs, dict):
        return inputs, None
    if "segments" not in inputs or not inputs.keys() <= {"segments", "mask"}:
        raise ValueError(
            f"inputs have the keys {sorted(inputs)}, expected 'segments' and maybe 'mask'"
        )
    return inputs["segments"], inputs.get("mask")


def unrounded(segments, compute_dtype):
    """Floats in the wider of their dtype and that to compute in: float32 in mixed precision.

    float64 only where it is computed in. The networks cast for themselves, after `Standardize`.
    """
    dtype = keras.backend.standardize_dtype(segments.dtype)
    if not keras.backend.is_float_dtype(dtype):
        return segments
    given = "float32" if dtype == "float64" else dtype
    return ops.cast(segments, keras.backend.result_type(given, compute_dtype))
