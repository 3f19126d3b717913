"""Clock: the point of a curve at a given time."""

import numpy as np
from numpy.polynomial import legendre, polynomial

from attention_zoo.dynamics.gauss import NODES, WEIGHTS
from attention_zoo.dynamics.linexp import inverse_linexp
from attention_zoo.dynamics.panels import Panels

_MAX_STEPS = 20  # of Newton's method, which takes two or three


def _mean_from_start():
    """A matrix (n, n): values at the n nodes -> the mean over [0, s], a polynomial in x = 2 s - 1.

    Exact for polynomials of degree n - 1. By Legendre polynomials: projected on them by Gauss's
    rule, integrated, divided by 1 + x. Coefficients are those of x^0, x^1, ...
    """
    n, x = len(NODES), 2 * NODES - 1
    projection = (2 * np.arange(n) + 1)[:, None] * legendre.legvander(x, n - 1).T * WEIGHTS
    means = np.zeros((n, n))
    for k in range(n):
        integral = legendre.legint(np.eye(n)[k, : k + 1], lbnd=-1)
        means[: k + 1, k] = legendre.leg2poly(legendre.legdiv(integral, [1, 1])[0])
    return means @ projection


_MEAN = _mean_from_start()
_MEAN_AT_NODES = polynomial.polyvander(2 * NODES - 1, len(NODES) - 1) @ _MEAN


class Clock:
    """Time along one curve, from its start to some latest time, inverted.

    Of the curve's panels dt/ds is taken at Gauss nodes. Its mean Q over the beginning of a panel
    is a polynomial, and the time since the panel's left end is s Q(s): as a product it keeps all
    digits near the start.

    Args:
        curve: `Curve` of numbers, not arrays.
        latest: the latest time asked for, 0 or more.
    """

    def __init__(self, curve, latest):
        self._curve = curve
        k = curve.num_classes - 1.0
        # That of hard and LVML attention at a = 1; of time 1 at least, so that it is above 0.
        span = inverse_linexp(max(latest, 1.0) / k, k)
        self._measure(span)
        while self._ends[-1] < latest:
            span = 1.25 * span + 0.1
            self._measure(span)

    def _measure(self, span):
        """Takes the time over this span of mu; s counts panels from here on."""
        self._panels = Panels(self._curve, span)
        count = self._panels.count
        self._s = np.arange(count)[:, None] + NODES  # (panels, n)
        at = self._s / count
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):  # beyond the latest
            pace = self._curve.pace(self._panels.mu(at)) * self._panels.slope(at) / count
            self._ends = np.concatenate([[0.0], np.cumsum(pace @ WEIGHTS)])
            self._mean = _MEAN @ pace.T  # (n, panels)
            self._times = self._ends[:-1, None] + NODES * (pace @ _MEAN_AT_NODES.T)

    def margin(self, times):
        """mu at these times, (n,), none later than the latest."""
        s = self._nearly(times)
        panel = np.minimum(s.astype(int), self._panels.count - 1)
        mean, since = np.take(self._mean, panel, axis=1), times - self._ends[panel]
        return self._panels.mu((panel + _invert(mean, since, s - panel)) / self._panels.count)

    def _nearly(self, times):
        """s at these times, by lines between the nodes."""
        return np.interp(
            times,
            np.concatenate([[0.0], self._times.ravel(), self._ends[-1:]]),
            np.concatenate([[0.0], self._s.ravel(), [self._panels.count]]),
        )


def _invert(mean, since, s):
    """The share s of a panel in which time `since` passes, s Q(2 s - 1) = since, from a first s.

    By Newton's method, until a step is so small that the next would be nothing.
    """
    for _ in range(_MAX_STEPS):
        q, dq = _value_and_derivative(mean, 2 * s - 1)
        step = (s * q - since) / (q + 2 * s * dq)
        s = s - step
        if np.all(np.abs(step) <= 1e-6 * np.abs(s)):
            break
    return s


def _value_and_derivative(coefficients, x):
    """Of polynomials, (powers, n), each at its own x (n,), by Horner's rule."""
    value, derivative = coefficients[-1], 0.0
    for coefficient in coefficients[-2::-1]:
        derivative = derivative * x + value
        value = value * x + coefficient
    return value, derivative
