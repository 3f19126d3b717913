"""What a model makes of segments that are bytes (uint8): numbers, or pixels to be scaled."""

import keras
from keras import ops

from attention_zoo.ops import is_integer, scaled


def read(segments, how):
    """The segments as the networks read them; floats as they are.

    Integers of other types may be pixels too, as NumPy's sums of bytes are: a model that scales
    bytes refuses them. One that refuses bytes does so where they may be pictures, (b, m, h, w) and
    more axes, and reads vectors of them, (b, m, d), as floats: counts, one-hot rows, typed numbers.
    Those of rank 2, (b, m), are ids of tokens or rows of a table.

    Args:
        segments: (b, m, ...).
        how: one of `WAYS`.

    Raises:
        ValueError: bytes for a model that was trained on floats, or pictures of other integers;
            integers other than bytes for a model that scales bytes.
    """
    is_ids = len(segments.shape) == 2 and _dtype(segments) != "uint8"
    return segments if is_ids or not is_integer(segments) else WAYS[how](segments)


def learnt(segments, how):
    """`how` after training on such segments: "auto" is settled by the first of them."""
    if how != "auto":
        return how
    return "refused" if keras.backend.is_float_dtype(_dtype(segments)) else "numbers"


def _numbers(segments):
    return segments


def _refused(segments):
    if len(segments.shape) == 3 and _dtype(segments) != "uint8":
        return ops.cast(segments, keras.config.floatx())
    what = "bytes (uint8)" if _dtype(segments) == "uint8" else f"integers ({_dtype(segments)})"
    raise ValueError(
        f"segments are {what} of shape {tuple(segments.shape)}, expected floats, scaled as "
        "those that the model was trained on; byte_segments='scaled' has it scale bytes by "
        "(x - 127.5) / 127.5"
    )


def _dtype(segments):
    return keras.backend.standardize_dtype(segments.dtype)


WAYS = {"auto": _numbers, "numbers": _numbers, "scaled": scaled, "refused": _refused}
