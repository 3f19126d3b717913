"""What a model makes of segments that are bytes (uint8): numbers, or pixels to be scaled."""

import keras

from attention_zoo.ops import scaled


def read(segments, how):
    """The segments as the networks read them; all but bytes as they are.

    Args:
        segments: (b, m, ...).
        how: one of `WAYS`.

    Raises:
        ValueError: bytes for a model that was trained on floats.
    """
    return WAYS[how](segments) if _dtype(segments) == "uint8" else segments


def learnt(segments, how):
    """`how` after training on such segments: "auto" is settled by the first of them."""
    if how != "auto":
        return how
    return "refused" if keras.backend.is_float_dtype(_dtype(segments)) else "numbers"


def _numbers(segments):
    return segments


def _refused(segments):
    raise ValueError(
        f"segments are bytes (uint8) of shape {tuple(segments.shape)}, expected floats, scaled as "
        "those that the model was trained on; byte_segments='scaled' has it scale bytes by "
        "(x - 127.5) / 127.5"
    )


def _dtype(segments):
    return keras.backend.standardize_dtype(segments.dtype)


WAYS = {"auto": _numbers, "numbers": _numbers, "scaled": scaled, "refused": _refused}
