"""How the breakdown into focus and prediction changed over the epochs."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from attention_zoo.plots._style import (
    COLOURS,
    DPI,
    INK,
    PANEL_WIDTH,
    add_legend,
    draw_marks,
    in_percent,
    mark_entries,
    marks,
)

# Right predictions at the bottom: where the second area ends is the accuracy. Colour, hatch,
# meaning; a page's style.css has the like.
AREAS = {
    "FTPT": (COLOURS[0], "", "focus true, prediction true"),
    "FFPT": (COLOURS[4], "////", "focus false, prediction true"),
    "FTPF": (COLOURS[5], "....", "focus true, prediction false"),
    "FFPF": ("#dddddd", "\\\\\\\\", "focus false, prediction false"),
}
_HATCH: dict[str, Any] = {"edgecolor": "#555555", "linewidth": 0}


def breakdown(columns, *, prefix="", switch_epoch=None, kept_epoch=None):
    """Draws FTPT, FFPT, FTPF and FFPF over the epochs as areas, one on the other.

    Args:
        columns: values by name: "epoch", and fractions of the four, (n,).
        prefix: of the names of the four, such as "val_".
        switch_epoch, kept_epoch: as of `training_curves`.

    Returns:
        The figure, 440 pixels wide. Areas differ in colour and in pattern; below them, in the
        order in which they lie, are their names and last shares.

    Reference: arXiv:2307.13421, breakdown of focus and prediction.
    """
    names = ["epoch", *(prefix + cell for cell in AREAS)]
    missing = [name for name in names if name not in columns]
    if missing:
        raise ValueError(f"columns has {sorted(columns)}, expected also {missing}")
    epochs, *shares = (np.atleast_1d(np.asarray(columns[name], float)) for name in names)
    figure = Figure((PANEL_WIDTH, 4.4), dpi=DPI, facecolor="white", layout="constrained")
    ax = figure.add_subplot()
    if len(epochs) == 1:  # an area has two ends
        epochs, shares = epochs + [-0.5, 0.5], [np.repeat(share, 2) for share in shares]
    _draw_areas(ax, epochs, shares)
    marked = marks(switch_epoch, kept_epoch)
    draw_marks(ax, marked, gapcolor="white", lw=1.8, clip_on=False)
    if marked:
        add_legend(figure, mark_entries(marked), "outside upper left")
    _name_areas(figure, [share[-1] for share in shares])
    ax.set(xlim=(epochs[0], epochs[-1]), ylim=(0, 1))
    ax.set_xlabel("epoch", color=INK)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    in_percent(ax)
    ax.spines[:].set_visible(False)
    return figure


def _draw_areas(ax, epochs, shares):
    colours = [colour for colour, *_ in AREAS.values()]
    for area, (cell, (_, hatch, _)) in zip(
        ax.stackplot(epochs, shares, colors=colours), AREAS.items(), strict=True
    ):
        area.set(gid=cell, hatch=hatch or None, **_HATCH)
    for edge in np.cumsum(shares, axis=0)[:-1]:
        ax.plot(epochs, edge, color="white", lw=1.5)


def _name_areas(figure, last):
    handles = [
        Patch(facecolor=colour, hatch=hatch, label=f"{cell} {share:.1%}  {meaning}", **_HATCH)
        for (cell, (colour, hatch, meaning)), share in zip(AREAS.items(), last, strict=True)
    ]
    style = {"frameon": False, "fontsize": 9, "labelcolor": INK, "borderaxespad": 0.3}
    figure.legend(handles=handles[::-1], loc="outside lower left", handleheight=1.1, **style)
