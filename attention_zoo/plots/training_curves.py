"""How training went, from a history or from a file."""

from collections.abc import Mapping
from itertools import cycle

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from attention_zoo._paths import expanded
from attention_zoo.plots._style import (
    COLOURS,
    DPI,
    INK,
    MARKERS,
    PANEL_WIDTH,
    WIDTH,
    add_legend,
    draw_marks,
    dress,
    in_percent,
    mark_entries,
    marks,
)

TITLES = {  # of panels
    "loss": "loss (nats)",
    "accuracy": "accuracy",
    "focus": "focus true (FT)",
    "drive": "drive to focus (nats)",
    "entropy": "attention entropy (nats)",
}


def training_curves(history, *, switch_epoch=None, kept_epoch=None):
    """Draws loss, accuracy, focus accuracy and drive over the epochs, each in a panel of its own.

    Solid lines are training, dashed lines of the same colour validation (`val_` names). The
    focus panel takes `FT` and names that end in `focus_accuracy`; the accuracy panel the other
    names that end in `accuracy`; the drive panel those that begin with `drive_`, as `FocusDrive`
    measures them. A panel with nothing in it is left out. Measures that share a panel differ in
    colour and in marker.

    Args:
        history: values by name, the `keras.callbacks.History` that `fit` returns, or the path of
            a CSV file with such columns. Its `epoch` is the x axis; else epochs count from 1.
        switch_epoch: where on the x axis a hybrid went on to its second attention.
        kept_epoch: where on the x axis is the epoch whose weights were kept.

    Returns:
        The figure, 900 pixels wide.
    """
    curves = _curves(history)
    panels = {title: names for title, names in _panels(curves).items() if names}
    if not panels:
        raise ValueError(f"history has {sorted(curves)}, expected a loss or an accuracy")
    return _figure(WIDTH, panels, curves, marks(switch_epoch, kept_epoch))


def training_panels(history, *, switch_epoch=None, kept_epoch=None):
    """Draws what `training_curves` does, and the attention's entropy, each panel by itself.

    Args:
        history, switch_epoch, kept_epoch: as of `training_curves`.

    Returns:
        Figures by title, each 440 pixels wide; none where nothing of it was measured.
    """
    curves = _curves(history)
    entropy = [n for n in _measures(curves) if n.endswith("entropy")]
    panels = _panels(curves) | {TITLES["entropy"]: entropy}
    marked = marks(switch_epoch, kept_epoch)
    return {
        title: _figure(PANEL_WIDTH, {title: names}, curves, marked)
        for title, names in panels.items()
        if names
    }


def _figure(width, panels, curves, marked):
    """The panels side by side, and the legend over them."""
    figure = Figure((width, 3.2), dpi=DPI, facecolor="white", layout="constrained")
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for ax, (title, names) in zip(axes, panels.items(), strict=True):
        _draw_panel(ax, title, names, curves)
        draw_marks(ax, marked)
    styles = {"training": "-"}
    if any(f"val_{name}" in curves for names in panels.values() for name in names):
        styles["validation"] = "--"
    entries = {text: {"color": INK, "ls": style} for text, style in styles.items()}
    add_legend(figure, entries | mark_entries(marked), "outside upper left")
    return figure


def _curves(history):
    """The finite points `(epochs, values)` of every measure that has any."""
    history = getattr(history, "history", history)
    if not isinstance(history, Mapping):
        path = expanded(history)
        table = np.genfromtxt(path, delimiter=",", names=True, deletechars="", encoding="utf-8")
        history = {name: np.atleast_1d(table[name]) for name in table.dtype.names or ()}
    lengths = {name: len(values) for name, values in history.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"history has columns of lengths {lengths}, expected equal lengths")
    columns = {name: np.asarray(values, float) for name, values in history.items()}
    epochs = columns.pop("epoch", np.arange(1, max(lengths.values(), default=0) + 1))
    points = {name: (epochs[np.isfinite(y)], y[np.isfinite(y)]) for name, y in columns.items()}
    return {name: (x, y) for name, (x, y) in points.items() if len(x)}


def _panels(curves):
    """The measures in each panel, by the panel's title."""
    names = _measures(curves)
    focus = [n for n in names if n == "FT" or n.endswith("focus_accuracy")]
    accuracy = [n for n in names if n.endswith("accuracy") and n not in focus]
    loss = [n for n in names if n == "loss"]
    drive = [n for n in names if n.startswith("drive_")]
    found = {"loss": loss, "accuracy": accuracy, "focus": focus, "drive": drive}
    return {TITLES[panel]: names for panel, names in found.items()}


def _measures(curves):
    """Names without `val_`, each once."""
    return list(dict.fromkeys(name.removeprefix("val_") for name in curves))


def _draw_panel(ax, title, names, curves):
    shared = len(names) > 1
    looks = list(zip(names, cycle(COLOURS), cycle(MARKERS), strict=False))
    for name, colour, marker in looks:
        for key, style in ((name, "-"), (f"val_{name}", "--")):
            if key in curves:
                points = curves[key][0]
                look = _markers(marker, len(points)) if shared else _markers(".", len(points), 20)
                ax.plot(*curves[key], style, color=colour, gid=key, **look)
    if shared:
        handles = [Line2D([], [], color=colour, marker=mark, ms=4) for _, colour, mark in looks]
        ax.legend(handles, map(_name, names), frameon=False, fontsize=8, labelcolor=INK)
    dress(ax, title)
    ax.ticklabel_format(axis="y", useOffset=False)
    if "nats" not in title:
        in_percent(ax)


def _markers(marker, points, most=None):
    """A marker at every point: at most `most` of them, or else at some ten of the points."""
    if most is not None:
        return {"marker": marker if points < most else None}
    return {"marker": marker, "ms": 4, "markevery": max(1, points // 10)}


def _name(measure):
    """What a measure is called in a legend."""
    return measure.removeprefix("drive_").replace("_", " ")
