"""Trajectory: a gradient flow at given times; Clock: the point of a curve at a time."""

import dataclasses

import numpy as np
from numpy.polynomial import legendre, polynomial

from attention_zoo.dynamics.checks import (
    check_gap,
    check_num_classes,
    check_num_segments,
    check_reached,
    check_shapes,
    check_times,
)
from attention_zoo.dynamics.curve import Curve
from attention_zoo.dynamics.functions import share
from attention_zoo.dynamics.quadrature import NODES, WEIGHTS, Panels
from attention_zoo.dynamics.registry import get


@dataclasses.dataclass(frozen=True, eq=False)
class Trajectory:
    """A gradient flow at given times; float64 arrays of one shape.

    Attributes:
        times: time, in units of one over the rate of the flow: steps times learning rate.
        mu: logit of the right class above that of a wrong one, on the foreground.
        nu: score of the foreground above that of the background.
        attention: a, on the foreground.
        probability: b, of the right class, on the foreground.
    """

    times: np.ndarray
    mu: np.ndarray
    nu: np.ndarray
    attention: np.ndarray
    probability: np.ndarray


def trajectory(paradigm, *, num_segments, num_classes, times, start=(0.0, 0.0)):
    """The gradient flow of linear networks in the orthogonal setting, in closed form.

    nu follows from mu in closed form; the time of mu takes one quadrature, which is inverted.
    Relative error below 1e-9, mostly 1e-12, for m and C up to 1e6 and times up to 1e12, also near
    time 0.

    Args:
        paradigm: "soft", "hard" or "lvml".
        num_segments: m, 2 or more.
        num_classes: C, 2 or more.
        times: 0 or more, in any order.
        start: (mu, nu) at time 0, mu 0 to 500, nu -500 to 500.

    Arguments may be arrays that broadcast, as in NumPy: m (20, 1) and times (100,) give a
    trajectory of shape (20, 100). Each setting costs some 0.4 ms from (0, 0), and up to 30 ms from
    starts far off: mu in the hundreds, or nu far below 0.

    Returns:
        `Trajectory`.

    Raises:
        ValueError: an unknown paradigm, or a number out of its bounds.

    Reference: arXiv:2307.13421, learning dynamics in the orthogonal setting.
    """
    paradigm = get(paradigm)
    return each_setting(
        lambda t, *setting: follow(Curve(paradigm, *setting), t),
        {
            "times": check_times(times),
            "num_segments": check_num_segments(num_segments),
            "num_classes": check_num_classes(num_classes),
        }
        | check_start(start),
    )


def check_start(start, check_mu=check_reached):
    """mu and nu of a start, by name."""
    try:
        mu, nu = start
    except (TypeError, ValueError):
        raise ValueError(f"start is {start!r}, expected (mu, nu)") from None
    mu_name, nu_name = "mu of start", "nu of start"
    return {mu_name: check_mu(mu_name, mu), nu_name: check_gap(nu_name, nu)}


def follow(curve, times):
    """(mu, nu) at these times after the curve's start."""
    further = Clock(curve, times.max(initial=0.0)).further(times)
    return curve.mu + further, curve.nu(further)


def each_setting(flow, arguments):
    """The `Trajectory` of flow(times (n,), m, C, ...) -> (mu, nu), numbers from arrays.

    `arguments` has the arrays by name: times, num_segments, num_classes, and others.
    """
    shape = check_shapes(arguments)
    times, *settings = arguments.values()
    times = np.broadcast_to(times, shape)
    lattice = np.broadcast(*settings).shape
    lattice = (1,) * (len(shape) - len(lattice)) + lattice
    m, c, *others = (np.broadcast_to(setting, lattice) for setting in settings)
    mu, nu = np.empty(shape), np.empty(shape)
    for index in np.ndindex(lattice):
        at = tuple(i if n > 1 else slice(None) for i, n in zip(index, lattice, strict=True))
        found = flow(times[at].ravel(), *(setting[index] for setting in (m, c, *others)))
        mu[at], nu[at] = (values.reshape(times[at].shape) for values in found)
    return Trajectory(times, mu, nu, share(nu, m), share(mu, c))


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
_PARTS = 32  # of a panel, at whose ends the time is tabulated
_SHARES = np.arange(1, _PARTS + 1) / _PARTS
_MEAN_AT_SHARES = polynomial.polyvander(2 * _SHARES - 1, len(NODES) - 1) @ _MEAN


class Clock:
    """Time along one curve, from its start to some latest time, inverted.

    Of the curve's panels dt/ds is taken at Gauss nodes, s going from 0 to 1 on each. Its mean Q
    over the beginning of a panel is a polynomial, and the time since the panel's left end is
    s Q(s): as a product it keeps all digits near the start.

    Args:
        curve: `Curve` of numbers, not arrays.
        latest: the latest time asked for, 0 or more.
    """

    def __init__(self, curve, latest):
        k = curve.num_classes - 1.0
        # Hard and LVML attention go no further; of time 1 at least, so that it is above 0.
        longest = max(latest, 1.0)
        span = min(longest / k, np.log1p(longest * np.exp(-curve.mu)))
        while (measured := _measure(curve, span))[0][-1] < latest:
            span = 1.25 * span + 0.1
        ends, left, width, pace = measured
        count = 1 + np.searchsorted(ends, latest)  # of panels up to the latest time
        self._left, self._width, pace = left[:count], width[:count], pace[:count]
        self._ends = np.append(0.0, ends[:count])
        self._mean = _MEAN @ pace.T  # (n, panels)
        table = self._ends[:-1, None] + _SHARES * (pace @ _MEAN_AT_SHARES.T)
        self._table = np.append(0.0, table)

    def further(self, times):
        """mu - mu_0 at these times, (n,), none later than the latest."""
        s = np.interp(times, self._table, np.arange(len(self._table)) / _PARTS)  # nearly
        panel = np.minimum(s.astype(int), len(self._left) - 1)
        mean, since = np.take(self._mean, panel, axis=1), times - self._ends[panel]
        return self._left[panel] + self._width[panel] * _invert(mean, since, s - panel)


def _measure(curve, span):
    """Panels over this span: times at their ends, left edges, widths (p,), and dt/ds (p, n)."""
    panels = Panels(curve, span)
    with np.errstate(over="ignore"):  # beyond the latest
        pace = panels.width[:, None] * curve.pace(panels.nodes())
        ends = np.cumsum(pace @ WEIGHTS)
    return ends, panels.left, panels.width, pace


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
