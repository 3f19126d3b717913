"""Whether two ways to weigh segments put them in the same order."""

import numpy as np
from scipy.stats import rankdata


def rank_correlation(attention, other, mask=None):
    """Spearman's rank correlation of two weights of the same segments, an example each.

    Ties have the mean of their ranks. NaN of fewer than two segments, and where all weights of one
    kind are equal.

    Args:
        attention, other: (n, m).
        mask: bool (n, m), True for the segments that are there, or None.

    Returns:
        (n,), -1 to 1.
    """
    a, b = np.asarray(attention, "float64"), np.asarray(other, "float64")
    if a.ndim != 2 or a.shape != b.shape:
        raise ValueError(f"the weights have the shapes {a.shape} and {b.shape}, expected (n, m)")
    there = np.ones(a.shape, bool) if mask is None else np.asarray(mask, bool)
    return np.array([_correlation(x[t], y[t]) for x, y, t in zip(a, b, there, strict=True)])


def _correlation(x, y):
    if len(x) < 2 or np.isnan(x).any() or np.isnan(y).any():
        return np.nan
    x, y = (rankdata(one) - (len(one) + 1) / 2 for one in (x, y))
    size = np.sqrt((x**2).sum() * (y**2).sum())
    return (x * y).sum() / size if size else np.nan
