"""Whether probabilities are what they say, and what abstaining gains."""

import numpy as np
from matplotlib.figure import Figure

from attention_zoo.plots._style import COLOURS, DPI, FAINT, INK, MARKERS, WIDTH, in_percent


def calibration(reliability, risks):
    """Draws a reliability diagram, and beside it the risk by coverage.

    Args:
        reliability: by name of a line the rows (number, mean probability, share right) of bins, as
            of `metrics.reliability`; bins without examples are left out.
        risks: by name of a line (coverage, risk), (n,) each, as of `metrics.risk_coverage`.

    Returns:
        The figure, 900 pixels wide.
    """
    figure = Figure((WIDTH, 3.6), dpi=DPI, facecolor="white", layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot([0, 1], [0, 1], color=FAINT, lw=1.5, gid="perfect")
    for place, (name, bins) in enumerate(reliability.items()):
        rows = np.asarray(bins, float)
        rows = rows[rows[:, 0] > 0]
        style = _style(place, name) | {"marker": MARKERS[place % len(MARKERS)], "ms": 4}
        left.plot(rows[:, 1], rows[:, 2], gid=f"reliability-{name}", **style)
    for place, (name, risk) in enumerate(risks.items()):
        right.plot(*risk, gid=f"risk-{name}", **_style(place, name))
    _dress(left, "Reliability", "mean probability of the answer", "share that is right")
    _dress(right, "Risk and coverage", "share of the examples that is answered", "error rate")
    for ax in (left, right):
        ax.legend(frameon=False, fontsize=9, labelcolor=INK)
    return figure


def _style(place, name):
    return {"color": COLOURS[place % len(COLOURS)], "lw": 1.6, "label": name}


def _dress(ax, title, x, y):
    ax.set_title(title, color=INK, fontsize=11, loc="left")
    ax.set_xlabel(x, color=INK)
    ax.set_ylabel(y, color=INK)
    ax.set_xlim(0, 1)
    in_percent(ax)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(color=FAINT)
