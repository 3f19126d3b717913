"""Hybrid attention in theory: one paradigm's flow, and another's from a switch on."""

import numpy as np

from attention_zoo.dynamics.checks import check_num_classes, check_num_segments, check_times
from attention_zoo.dynamics.curve import Curve
from attention_zoo.dynamics.registry import get
from attention_zoo.dynamics.trajectory import check_start, each_setting, follow


def hybrid(
    *,
    switch_time,
    num_segments,
    num_classes,
    times,
    start=(0.0, 0.0),
    first="soft",
    second="hard",
):
    """The gradient flow of `first` until the switch, then of `second` from where it came to.

    In closed form, as `trajectory`: the second flow conserves F(nu) - G(mu), with its own G, at
    the value that it has at the switch. Both flows have unit rate; the paper's training takes a
    smaller learning rate after the switch, which is a slower clock on the same curve.

    Args:
        switch_time: 0 or more.
        num_segments, num_classes, times, start: as in `trajectory`.
        first, second: "soft", "hard" or "lvml".

    Returns:
        `Trajectory`.

    Raises:
        ValueError: an unknown paradigm, or a number out of its bounds.

    Reference: hybrid is arXiv:2307.13421's, which gives no closed form of it.
    """
    first, second = get(first), get(second)

    def flow(t, m, c, switch, *start):
        mu, nu = follow(Curve(first, m, c, *start), np.append(np.minimum(t, switch), switch))
        after = Curve(second, m, c, mu[-1], nu[-1])
        late_mu, late_nu = follow(after, np.maximum(t - switch, 0.0))
        early = t < switch
        return np.where(early, mu[:-1], late_mu), np.where(early, nu[:-1], late_nu)

    return each_setting(
        flow,
        {
            "times": check_times(times),
            "num_segments": check_num_segments(num_segments),
            "num_classes": check_num_classes(num_classes),
            "switch_time": check_times(switch_time, "switch_time"),
        }
        | check_start(start),
    )
