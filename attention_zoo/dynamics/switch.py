"""The switch with which hybrid attention first has a given focus and class margin."""

import dataclasses

import numpy as np

from attention_zoo.dynamics.checks import (
    LAST,
    check_attention,
    check_num_classes,
    check_num_segments,
    check_reached,
    check_shapes,
)
from attention_zoo.dynamics.curve import Curve
from attention_zoo.dynamics.functions import gap_of
from attention_zoo.dynamics.registry import get

_GRID, _ZOOMS = 33, 8  # the best of 33 points, eight times: to 16^-8 of the first interval


@dataclasses.dataclass(frozen=True, eq=False)
class Switch:
    """When to switch, and when the goal is reached; float64 arrays of one shape.

    Attributes:
        time: the best switch time; that of `reached` where the first paradigm alone is best.
        reached: when hybrid, switched then, has reached the goal.
        first: when the first paradigm alone has; infinite where mu is beyond 500 by then.
        second: when the second paradigm alone has.
    """

    time: np.ndarray
    reached: np.ndarray
    first: np.ndarray
    second: np.ndarray


def best_switch(*, attention, mu, num_segments, num_classes, first="soft", second="hard"):
    """The switch time with which hybrid reaches a focus and a class margin first.

    The goal is attention on the foreground of `attention` or more and a class margin of `mu` or
    more. A switch at time 0 is the second paradigm alone.

    Args:
        attention: above 0 and below 1.
        mu: 0 to 500.
        num_segments, num_classes: 2 or more.
        first, second: "soft", "hard" or "lvml".

    Arguments may be arrays that broadcast. Each setting costs 15 to 90 ms for mu up to 10, up to
    1 s at mu = 100 and 5 s at 500.

    Returns:
        `Switch`.

    Raises:
        ValueError: an unknown paradigm, or a number out of its bounds.
    """
    paradigms = get(first), get(second)
    arguments = {
        "attention": check_attention(attention, below_one=True),
        "mu": check_reached("mu", mu),
        "num_segments": check_num_segments(num_segments),
        "num_classes": check_num_classes(num_classes),
    }
    shape = check_shapes(arguments)
    settings = (np.broadcast_to(values, shape).ravel() for values in arguments.values())
    found = [_best(*paradigms, *setting) for setting in zip(*settings, strict=True)]
    columns = np.array(found).reshape(-1, 4).T
    return Switch(*(column.reshape(shape) for column in columns))


def _best(first, second, attention, margin, m, c):
    """The fields of `Switch` for one setting."""
    goal = gap_of(attention, m), margin
    alone = [_time_to(Curve(paradigm, m, c), *goal) for paradigm in (first, second)]
    before = Curve(first, m, c)

    def total(mu):
        after = Curve(second, m, c, mu, before.nu(mu))
        return before.duration(mu) + _time_to(after, *goal)

    low, high = 0.0, np.minimum(_way(before, *goal), LAST)
    for _ in range(_ZOOMS):
        grid = np.linspace(low, high, _GRID)
        times = total(grid)
        best = int(np.argmin(times))
        low, high = grid[max(best - 1, 0)], grid[min(best + 1, _GRID - 1)]
    return before.duration(grid[best]), times[best], *alone


def _time_to(curve, nu, mu):
    """Time from the start of the curve until the gaps are nu and mu, or more."""
    return curve.duration(_way(curve, nu, mu))


def _way(curve, nu, mu):
    """How much further the class margin is where the curve has reached both gaps."""
    return np.maximum(curve.further(nu), np.maximum(mu - curve.mu, 0.0))
