"""Panels: a stretch of a curve, cut so that time is nearly a polynomial on every piece."""

import numpy as np


class Panels:
    """Panels of equal width in s on [0, 1], which is mapped to class margins from `mu` on.

        mu(s) = mu + span (e^(L s) - 1)/(e^L - 1),  L = log(1 + span |dnu/dmu|)

    dnu/dmu is taken at the start. Where a flow starts off its own curve, as a hybrid's second
    one does, nu first runs ahead and then grows like a logarithm; in s it grows evenly. For
    flows from (0, 0) L is 0, and the map a line.

    dt/dmu has singularities where e^nu = -(m - 1), nearer the real line the smaller a is at the
    start: the width of a panel in mu goes by that.

    Args:
        curve: `Curve`.
        span: width in mu, an array that broadcasts with the curve's.
    """

    def __init__(self, curve, span):
        self._start = curve.mu
        self._span = span
        self._rate = np.maximum(np.log1p(span * np.abs(curve.slope)), 1e-9)
        width = 2 / (2 - np.log(curve.attention))
        count = self._rate + span / width * np.maximum(self._rate, 1.0)
        self.count = 1 + int(np.max(count, initial=0.0))

    def mu(self, s):
        """Class margin at s."""
        return self._start + self._span * np.expm1(self._rate * s) / np.expm1(self._rate)

    def slope(self, s):
        """dmu/ds."""
        return self._span * self._rate * np.exp(self._rate * s) / np.expm1(self._rate)
