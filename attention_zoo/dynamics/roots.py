"""Roots of increasing functions, many at once."""

import numpy as np

_EPSILON = np.finfo(float).eps


def increasing_root(value, slope, target, low, high):
    """The x in [low, high] with value(x) = target, to rounding.

    Newton's method, with a step of bisection wherever it leaves what is known to hold the root.

    Args:
        value, slope: an increasing function and its derivative, of arrays.
        target, low, high: arrays that broadcast; value(low) <= target <= value(high).
    """
    target, low, high = (np.array(x, float) for x in np.broadcast_arrays(target, low, high))
    x = low.copy()
    for _ in range(200):
        error = value(x) - target
        low, high = np.where(error <= 0, x, low), np.where(error >= 0, x, high)
        with np.errstate(divide="ignore", invalid="ignore"):
            newton = x - error / slope(x)
        inside = (low <= newton) & (newton <= high)
        before, x = x, np.where(inside, newton, (low + high) / 2)
        if np.all(np.abs(x - before) <= 16 * _EPSILON * np.abs(x)):
            break
    return x[()]
