"""The function x + (e^x - 1)/n that the closed forms rest on, and its inverse."""

import numpy as np
from scipy.special import wrightomega

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
