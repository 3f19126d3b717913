"""Whether probabilities are what they say, and what abstaining gains."""

import numpy as np
from matplotlib.figure import Figure

from attention_zoo.plots._style import COLOURS, DPI, FAINT, INK, MARKERS, WIDTH, in_percent


def calibration(reliability, risks):
    """Draws a reliability diagram, and beside it the risk by coverage.

    Args:
        reliability: by name of a line the rows (number, mean probability, share right) of bins, as
            of `metrics.reliability`; bins without examples are left out.
        risks: by the same names (coverage, risk), (n,) each, as of `metrics.risk_coverage`.

    Returns:
        The figure, 900 pixels wide.
    """
    if not reliability or reliability.keys() != risks.keys():
        raise ValueError(
            f"reliability is of {sorted(reliability)}, risks of {sorted(risks)}, expected the same"
        )
    figure = Figure((WIDTH, 3.6), dpi=DPI, facecolor="white", layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot([0, 1], [0, 1], color=FAINT, lw=1.5, gid="perfect")
    for name, colour, marker in zip(reliability, COLOURS, MARKERS, strict=False):
        rows = np.asarray(reliability[name], float)
        rows = rows[rows[:, 0] > 0]
        style = {"color": colour, "lw": 1.6, "label": name}
        left.plot(rows[:, 1], rows[:, 2], marker=marker, ms=4, gid=f"reliability-{name}", **style)
        right.plot(*risks[name], gid=f"risk-{name}", **style)
    _dress(left, "Reliability", "mean probability of the answer", "share that is right")
    _dress(right, "Risk and coverage", "share of the examples that is answered", "error rate")
    left.legend(frameon=False, fontsize=9, labelcolor=INK)
    return figure


def _dress(ax, title, x, y):
    ax.set_title(title, color=INK, fontsize=11, loc="left")
    ax.set_xlabel(x, color=INK)
    ax.set_ylabel(y, color=INK)
    ax.set_xlim(0, 1)
    in_percent(ax)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color=FAINT)
