"""What the closed forms rest on: a softmax's share, x + (e^x - 1)/n, roots.

A softmax gives one option among n a share that depends on its gap to the n - 1 equal others.
"""

import numpy as np
from scipy.special import expit, logit, wrightomega


def share(gap, n):
    """e^gap / (e^gap + n - 1): attention a of nu and m, probability b of mu and C."""
    return expit(gap - np.log(n - 1.0))


def rest(gap, n):
    """1 - share(gap, n), with all its digits where the share is nearly 1."""
    return expit(np.log(n - 1.0) - gap)


def gap_of(share, n):
    """The gap that makes this share; infinite for 0 and 1."""
    return logit(share) + np.log(n - 1.0)


_SMALL = 1e-5  # below it x is y n / (n + 1), but for a share of x itself


def linexp(x, n):
    """x + (e^x - 1) / n, n > 0; keeps all digits near 0."""
    return x + np.expm1(x) / n


def inverse_linexp(y, n):
    """The x with x + (e^x - 1) / n = y.

    With w = e^x / n the equation is w + log w = y + 1/n - log n, so w is Wright's omega of the
    right-hand side, which cannot overflow, and x = log(n w). The digits that this loses where x
    is small, one step of Newton's method brings back.
    """
    x = np.log(n * wrightomega(y + 1 / n - np.log(n)))
    x = np.where(np.abs(y) < _SMALL, y * (n / (n + 1)), x)
    e = np.expm1(x)
    return x - (x + e / n - y) / (1 + (e + 1) / n)


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


def pick(values, where):
    """Those of the values, which broadcast to the shape of `where`; one number stays one."""
    values = np.asarray(values)
    return values if values.ndim == 0 else np.broadcast_to(values, where.shape)[where]
