"""A measure of several runs over their epochs."""

import numpy as np
from matplotlib.figure import Figure

from attention_zoo.plots._style import COLOURS, DPI, PANEL_WIDTH, dress, in_percent

DASHES = ((None, None), (5, 2), (1.5, 1.5), (6, 2, 1.5, 2))  # line and gap, in widths of the line
OTHERS = {"color": "#bbbbbb", "dashes": (None, None)}  # of runs that are not told apart


def line_style(number):
    """Colour and dashes of the line of a run, 0 and up; 24 differ, the first four in each."""
    dashes = DASHES[(number + number // 12) % len(DASHES)]  # after 12 colour and dashes repeat
    return {"color": COLOURS[number % len(COLOURS)], "dashes": dashes}


def compared_curves(curves, *, title, percent=False, kept=None, named=None):
    """Draws a line for each run; `line_style` tells which is whose.

    Args:
        curves: for each run `(epochs, values)`, or None where it has not measured this.
        title: of the figure.
        percent: whether the values are fractions, to be shown in percent.
        kept: for each run the epoch whose weights it ended with, or None; a ring marks it.
        named: numbers of the runs to tell apart, in the order of their line styles: the others
            are grey and have no ring. None tells all apart.

    Returns:
        The figure, 440 pixels wide.
    """
    if not any(curves):
        raise ValueError(f"curves has {len(curves)} runs without {title}, expected one with it")
    figure = Figure((PANEL_WIDTH, 3.2), dpi=DPI, facecolor="white", layout="constrained")
    ax = figure.add_subplot()
    named = range(len(curves)) if named is None else named
    styles = {number: line_style(place) for place, number in enumerate(named)}
    for number, curve in enumerate(curves):
        if curve is not None:
            epoch = kept[number] if kept and number in styles else None
            _draw(ax, number, curve, styles.get(number), epoch)
    dress(ax, title)
    ax.ticklabel_format(axis="y", useOffset=False)
    if percent:
        in_percent(ax)
    return figure


def _draw(ax, number, curve, style, kept):
    """The line of a run, in a style of its own or grey, and a ring at the kept epoch."""
    epochs, values = map(np.atleast_1d, curve)
    marker = "." if style and len(epochs) < 20 else None
    more = {"lw": 1.6, "zorder": 2.5} if style else {"lw": 0.8, "zorder": 1.9}
    ax.plot(epochs, values, marker=marker, gid=f"run-{number}", **(style or OTHERS), **more)
    at = np.flatnonzero(epochs == kept)
    if at.size:
        ring = {"marker": "o", "ms": 7, "mfc": "white", "mec": style["color"], "mew": 1.6}
        ax.plot(epochs[at], values[at], ls="", gid=f"kept-{number}", zorder=2.6, **ring)
