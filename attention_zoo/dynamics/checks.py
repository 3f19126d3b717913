"""What the functions of this package accept: numbers, each within its bounds."""

import numpy as np

LAST = 500.0  # of gaps: beyond, products of e^mu and e^nu may overflow


def check_num_segments(value):
    """m as a float array."""
    return _numbers("num_segments", value, lambda x: x >= 2, "2 or more")


def check_num_classes(value):
    """C as a float array."""
    return _numbers("num_classes", value, lambda x: x >= 2, "2 or more")


def check_times(value, name="times"):
    """Times as a float array."""
    return _numbers(name, value, lambda x: x >= 0, "0 or more")


def check_attention(value, *, below_one=False):
    """Attention as a float array, in (0, 1], or in (0, 1)."""
    if below_one:
        return _numbers("attention", value, lambda x: (x > 0) & (x < 1), "above 0 and below 1")
    return _numbers("attention", value, lambda x: (x > 0) & (x <= 1), "above 0 and up to 1")


def check_gap(name, value):
    """A logit or score gap as a float array."""
    return _numbers(name, value, lambda x: np.abs(x) <= LAST, f"{-LAST:g} to {LAST:g}")


def check_reached(name, value):
    """A class margin that a flow from 0 can reach, as a float array."""
    return _numbers(name, value, lambda x: (x >= 0) & (x <= LAST), f"0 to {LAST:g}")


def check_shapes(arguments):
    """The shape that these arrays, by name, broadcast to."""
    shapes = {name: array.shape for name, array in arguments.items()}
    try:
        return np.broadcast_shapes(*shapes.values())
    except ValueError:
        got = ", ".join(f"{name} has shape {shape}" for name, shape in shapes.items() if shape)
        raise ValueError(f"{got}, expected shapes that broadcast") from None


def _numbers(name, value, allowed, bounds):
    """A float array; ValueError names the first value that is not finite or not allowed."""
    try:
        array = np.asarray(value)
    except ValueError:  # ragged
        array = np.asarray(None)
    if array.dtype.kind not in "iuf":
        got = " ".join(repr(value).split())
        raise ValueError(f"{name} is {got:.60}, expected numbers, {bounds}")
    array = array.astype(float)
    bad = array[~(np.isfinite(array) & allowed(array))]
    if bad.size:
        raise ValueError(f"{name} is {bad[0]:.12g}, expected {bounds}")
    return array
