"""The shape of one segment, as networks are made for it."""

import numpy as np


def check_segment_shape(shape, names=None):
    """Raises ValueError unless the shape is one of a segment.

    Args:
        shape: of one segment, without batch and segment axes: sizes of 1 or more.
        names: of its axes, if there are as many as these.
    """
    is_shape = isinstance(shape, tuple | list) and all(map(_is_size, shape))
    if not is_shape or (len(shape) != len(names) if names else not shape):
        expected = f"({', '.join(names)})" if names else "a tuple of sizes"
        raise ValueError(f"segment_shape is {shape!r}, expected {expected} of one segment")


def _is_size(value):
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and value >= 1
