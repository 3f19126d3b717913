"""How the breakdown into focus and prediction changed over the epochs."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from attention_zoo.plots._style import COLOURS, DPI, INK, WIDTH

# Right predictions at the bottom: where the second area ends is the accuracy.
_AREAS = {
    "FTPT": (COLOURS[0], "focus true, prediction true"),
    "FFPT": (COLOURS[4], "focus false, prediction true"),
    "FTPF": (COLOURS[5], "focus true, prediction false"),
    "FFPF": ("#c9c9c9", "focus false, prediction false"),
}


def breakdown(columns, *, prefix=""):
    """Draws FTPT, FFPT, FTPF and FFPF over the epochs as areas, one on the other.

    Args:
        columns: values by name: "epoch", and fractions of the four, (n,).
        prefix: of the names of the four, such as "val_".

    Returns:
        The figure, 900 pixels wide. Every area has its name and last share at its right end.

    Reference: arXiv:2307.13421, breakdown of focus and prediction.
    """
    names = ["epoch", *(prefix + cell for cell in _AREAS)]
    missing = [name for name in names if name not in columns]
    if missing:
        raise ValueError(f"columns has {sorted(columns)}, expected also {missing}")
    epochs, *shares = (np.atleast_1d(np.asarray(columns[name], float)) for name in names)
    figure = Figure((WIDTH, 3.4), dpi=DPI, facecolor="white", layout="constrained")
    ax = figure.add_subplot()
    if len(epochs) == 1:  # an area has two ends
        epochs, shares = epochs + [-0.5, 0.5], [np.repeat(share, 2) for share in shares]
    colours = [colour for colour, _ in _AREAS.values()]
    for area, cell in zip(ax.stackplot(epochs, shares, colors=colours), _AREAS, strict=True):
        area.set(gid=cell, edgecolor="white", linewidth=1)
    _name_areas(ax, epochs[-1], [share[-1] for share in shares])
    ax.set(xlim=(epochs[0], epochs[-1]), ylim=(0, 1))
    ax.set_xlabel("epoch", color=INK)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.yaxis.set_major_formatter(lambda y, _: f"{100 * y:.4g}%")
    ax.spines[:].set_visible(False)
    return figure


def _name_areas(ax, x, last):
    """Names at the right, at the middles of the areas but a line apart."""
    middles = np.cumsum(last) - np.asarray(last) / 2
    for i in range(1, len(middles)):
        middles[i] = max(middles[i], middles[i - 1] + 0.085)
    middles -= max(0.0, middles[-1] - 0.97)
    style = {"xytext": (8, 0), "textcoords": "offset points", "va": "center", "fontsize": 9}
    for (cell, (_, meaning)), y, share in zip(_AREAS.items(), middles, last, strict=True):
        text = f"{cell} {share:.1%}  {meaning}"
        ax.annotate(text, (x, y), color=INK, annotation_clip=False, **style)
