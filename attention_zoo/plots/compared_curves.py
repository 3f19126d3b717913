"""A measure of several runs over their epochs."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from attention_zoo.plots._style import COLOURS, DPI, FAINT, INK

DASHES = ((None, None), (5, 2), (1.5, 1.5))  # lengths of line and gap in widths of the line


def line_style(number):
    """Colour and dashes of the line of a run, 0 and up; 18 differ."""
    dashes = DASHES[number // len(COLOURS) % len(DASHES)]
    return {"color": COLOURS[number % len(COLOURS)], "dashes": dashes}


def compared_curves(curves, *, title, percent=False):
    """Draws a line for each run; `line_style` tells which is whose.

    Args:
        curves: for each run `(epochs, values)`, or None where it has not measured this.
        title: of the figure.
        percent: whether the values are fractions, to be shown in percent.

    Returns:
        The figure, 440 pixels wide.
    """
    if not any(curves):
        raise ValueError(f"curves has {len(curves)} runs without {title}, expected one with it")
    figure = Figure((4.4, 3.2), dpi=DPI, facecolor="white", layout="constrained")
    ax = figure.add_subplot()
    for number, curve in enumerate(curves):
        if curve is not None:
            epochs, values = map(np.atleast_1d, curve)
            marker = "." if len(epochs) < 20 else None
            style = line_style(number)
            ax.plot(epochs, values, lw=1.6, marker=marker, gid=f"run-{number}", **style)
    ax.set_title(title, color=INK, fontsize=11, loc="left")
    ax.set_xlabel("epoch", color=INK)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.ticklabel_format(axis="y", useOffset=False)
    if percent:
        ax.yaxis.set_major_formatter(lambda y, _: f"{100 * y:.4g}%")
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="y", color=FAINT)
    return figure
