"""The same flows by a numerical solver: an independent check of the closed forms."""

import numpy as np
from scipy.integrate import solve_ivp

from attention_zoo.dynamics.checks import (
    check_gap,
    check_num_classes,
    check_num_segments,
    check_times,
)
from attention_zoo.dynamics.registry import get
from attention_zoo.dynamics.trajectory import check_start, each_setting


def integrate(
    paradigm, *, num_segments, num_classes, times, start=(0.0, 0.0), tolerance=1e-11, method="Radau"
):
    """As `trajectory`, by a solver for stiff differential equations.

    A thousand times slower, and knows nothing of closed forms: only (mu', nu').

    Args:
        paradigm, num_segments, num_classes, times: as in `trajectory`.
        start: (mu, nu) at time 0, each -500 to 500.
        tolerance: of the error of a step, relative.
        method: as in `scipy.integrate.solve_ivp`: "Radau" is implicit; "DOP853", explicit, does
            as well here and takes a twentieth of the time.

    Returns:
        `Trajectory`.

    Raises:
        ValueError: an unknown paradigm, or a number out of its bounds. RuntimeError: the solver
        gives up.
    """
    paradigm = get(paradigm)

    def flow(t, m, c, *start):
        def velocity(_, point):
            return np.array(paradigm.velocity(*point, m, c))

        if not t.any():
            return np.repeat(np.array(start)[:, None], t.size, axis=1)
        ordered, place = np.unique(t, return_inverse=True)
        scale = _scale(velocity, np.array(start), ordered)
        options = {"rtol": tolerance, "atol": tolerance * scale, "t_eval": ordered}
        found = solve_ivp(velocity, (0.0, t.max()), start, method, **options)
        if not found.success:
            raise RuntimeError(f"solve_ivp gave up at time {found.t[-1:]}: {found.message}")
        return found.y[:, place]

    return each_setting(
        flow,
        {
            "times": check_times(times),
            "num_segments": check_num_segments(num_segments),
            "num_classes": check_num_classes(num_classes),
        }
        | check_start(start, check_gap),
    )


def _scale(velocity, start, times):
    """How far mu and nu are from the start by the first time asked for, at most 1: (2,).

    An error is to be small beside them, or digits near 0 are lost.
    """
    first = np.min(times[times > 0], initial=1.0)
    return np.minimum(1.0, first * np.abs(velocity(0, start + first * velocity(0, start))))
