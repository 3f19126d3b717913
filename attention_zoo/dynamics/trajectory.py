"""Trajectory: a gradient flow at given times."""

import dataclasses

import numpy as np

from attention_zoo.dynamics.checks import (
    check_gap,
    check_num_classes,
    check_num_segments,
    check_reached,
    check_shapes,
    check_times,
)
from attention_zoo.dynamics.curve import Curve
from attention_zoo.dynamics.registry import get
from attention_zoo.dynamics.softmax_gap import share
from attention_zoo.dynamics.time_inversion import Clock


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
