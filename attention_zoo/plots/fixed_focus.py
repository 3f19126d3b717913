"""The drive to focus along training, under a focus that is held."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from attention_zoo._paths import expanded
from attention_zoo.plots._style import COLOURS, DPI, INK, WIDTH, add_legend, dress

_DASHES = ("-", (0, (5, 1.5)), (0, (2.5, 1.2)), (0, (1, 1)), (0, (5, 1.2, 1, 1.2)), (0, (9, 2)))
_TITLES = {"soft": "soft", "hard": "hard", "lvml": "LVML"}


def fixed_focus(table, *, figure="drive", window=1, along="epoch"):
    """Draws a figure along training, a panel for each loss and a line for each alpha.

    Args:
        table: columns by name, or the path of a CSV file with such columns: epoch, attention
            ("soft", "hard", "lvml"), alpha, and the figures.
        figure: "drive": L(alpha) - L(alpha + 0.01); "derivative": -dL/dalpha; "loss": L(alpha).
        window: epochs, an odd number, that lines are running means over; fewer, but as many on
            either side, near the ends. Above 1 what they are means of is drawn too, faint.
        along: name of the column to draw against; "time", that of the theory, in place of "epoch".

    Returns:
        The figure, 900 pixels wide. Every panel has a y axis of its own: shapes are to be compared.

    Reference: arXiv:2307.13421, fixed focus.
    """
    if not isinstance(window, (int, np.integer)) or window < 1 or window % 2 == 0:
        raise ValueError(f"window is {window!r}, expected an odd number of epochs")
    columns = _columns(table, along, figure)
    attentions = list(dict.fromkeys(columns["attention"].tolist()))
    alphas = np.unique(columns["alpha"])
    styles = {
        alpha: {"color": COLOURS[i % len(COLOURS)], "ls": _DASHES[i % len(_DASHES)], "lw": 1.6}
        for i, alpha in enumerate(alphas)
    }
    drawing = Figure((WIDTH, 3.4), dpi=DPI, facecolor="white", layout="constrained")
    axes = drawing.subplots(1, len(attentions), squeeze=False)[0]
    for ax, attention in zip(axes, attentions, strict=True):
        of_attention = columns["attention"] == attention
        for alpha, style in styles.items():
            one = of_attention & (columns["alpha"] == alpha)
            _draw(
                ax,
                columns[along][one],
                columns[figure][one],
                window,
                f"{attention}-{alpha:g}",
                style,
            )
        ax.axhline(0.0, color=INK, lw=0.8, zorder=1)
        dress(ax, _TITLES.get(attention, attention), _ALONG[along])
        ax.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axes[0].set_ylabel(_LABELS[figure], color=INK)
    entries = {f"α = {alpha:g}": style for alpha, style in styles.items()}
    add_legend(drawing, entries, "outside upper left")
    return drawing


_LABELS = {
    "drive": "drive L(α) − L(α + 0.01), nats",
    "derivative": "−dL/dα, nats per unit of α",
    "loss": "loss L(α), nats",
}


_ALONG = {"epoch": "epoch", "time": "time (steps × learning rate)"}


def _columns(table, along, figure):
    """The columns as arrays, checked."""
    if along not in _ALONG:
        raise ValueError(f"along is {along!r}, expected one of {list(_ALONG)}")
    if figure not in _LABELS:
        raise ValueError(f"figure is {figure!r}, expected one of {list(_LABELS)}")
    if not isinstance(table, Mapping):
        rows = np.genfromtxt(
            expanded(table), delimiter=",", names=True, dtype=None, encoding="utf-8"
        )
        rows = np.atleast_1d(rows)
        table = {name: rows[name] for name in rows.dtype.names or ()}
    needed = (along, "attention", "alpha", figure)
    missing = [name for name in needed if name not in table]
    if missing:
        raise ValueError(f"table has {list(table)}, expected also {missing}")
    columns = {name: np.asarray(table[name]) for name in needed}
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1 or not lengths[along]:
        raise ValueError(f"table has columns of lengths {lengths}, expected equal ones above 0")
    return columns


def _draw(ax, x, y, window, gid, style):
    ax.plot(x, _running_mean(y, window), **style, gid=gid)
    if window > 1:
        ax.plot(x, y, color=style["color"], lw=0.7, alpha=0.35, zorder=1, gid=f"raw-{gid}")


def _running_mean(y, window):
    """Of each value with as many before it as after it."""
    sides = [min(window // 2, i, len(y) - 1 - i) for i in range(len(y))]
    return [np.mean(y[i - side : i + side + 1]) for i, side in enumerate(sides)]
