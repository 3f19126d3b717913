"""Figures of the results page."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from attention_zoo.plots._style import COLOURS, DPI, FAINT, INK, WIDTH, add_legend
from experiments.reproduction.job import NAMES, ROWS
from experiments.reproduction.runs import SEEN, TRAINING

_DASHES = ("-", "-", "-", (0, (5, 1.5)), (0, (1, 1)))
_STYLES: dict[str, dict] = {
    row: {"color": colour, "ls": dashes, "lw": 1.6}
    for row, colour, dashes in zip(ROWS, COLOURS, _DASHES, strict=False)
}


MEASURES = {"focus_accuracy": "FT, %", "label_accuracy": "accuracy, %"}


def learning_curves(comparisons, measure="focus_accuracy"):
    """FT or accuracy by epoch, a panel a comparison; bands from lowest to highest seed.

    Beside mosaics drawn anew of training images are the training mosaics themselves, thin.

    Args:
        comparisons: of one data set.
        measure: one of `MEASURES`.

    Returns:
        The figure, 900 pixels wide.
    """
    figure, axes = _panels(len(comparisons))
    for ax, comparison in zip(axes, comparisons, strict=True):
        for row in ROWS:
            _draw_curve(ax, row, _percent(comparison.by_epoch(row, measure)))
            if comparison.condition.images == TRAINING:
                _draw_curve(ax, row, _percent(comparison.by_epoch(row, measure, SEEN)), lw=0.6)
        _dress(ax, comparison.name, "epoch", MEASURES[measure])
    _legend(figure)
    return figure


def score_ranges(comparisons):
    """The range of a mosaic's scores by epoch, a panel a comparison, on a scale of powers of ten.

    Args:
        comparisons: of one data set.

    Returns:
        The figure, 900 pixels wide.
    """
    figure, axes = _panels(len(comparisons))
    for ax, comparison in zip(axes, comparisons, strict=True):
        for row in ROWS:
            _draw_curve(ax, row, list(comparison.score_ranges(row).values()))
        _dress(ax, comparison.name, "epoch", "largest less smallest score")
        ax.set(yscale="log", ylim=(0.01, 1e4))
    _legend(figure)
    return figure


def _panels(count):
    """A figure of panels, two in a line; one alone has the line."""
    lines, columns = -(-count // 2), min(2, count)
    figure = Figure((WIDTH, 0.5 + 3.0 * lines), dpi=DPI, facecolor="white", layout="constrained")
    axes = list(figure.subplots(lines, columns, squeeze=False).flat)
    for ax in axes[count:]:
        ax.remove()
    return figure, axes[:count]


def _percent(by_seed):
    return [100 * curve for curve in by_seed.values()]


def _draw_curve(ax, row, curves, **style):
    if not curves:
        return
    shortest = min(map(len, curves))
    drawn = np.array([curve[:shortest] for curve in curves])  # (seeds, epochs)
    epochs = np.arange(1, shortest + 1)
    ax.plot(epochs, drawn.mean(axis=0), gid=row, **_STYLES[row] | style)
    band = drawn.min(axis=0), drawn.max(axis=0)
    ax.fill_between(epochs, *band, color=_STYLES[row]["color"], alpha=0.15)


def focus_by_segments(comparisons):
    """Final FT on test examples against the number of segments.

    Args:
        comparisons: of one data set, each with an m of its own.

    Returns:
        The figure, 900 pixels wide.
    """
    figure = Figure((WIDTH, 3.4), dpi=DPI, facecolor="white", layout="constrained")
    ax = figure.subplots()
    for row in ROWS:
        finals = {
            one.num_segments: 100 * np.mean(list(one.final(row, "focus_accuracy").values()))
            for one in comparisons
            if one.runs[row]
        }
        ax.plot(list(finals), list(finals.values()), marker="o", gid=row, **_STYLES[row])
    _dress(ax, "after the last epoch", "segments m")
    _legend(figure)
    return figure


def _dress(ax, title, label, measure="FT, %"):
    ax.set_title(title, color=INK, fontsize=11, loc="left")
    ax.set_xlabel(label, color=INK)
    ax.set_ylabel(measure, color=INK)
    ax.set_ylim(0, 103)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="y", color=FAINT)


def _legend(figure):
    """Of the rows that are drawn in some panel."""
    drawn = {line.get_gid() for ax in figure.axes for line in ax.lines if len(line.get_xdata())}
    entries = {NAMES[row]: style for row, style in _STYLES.items() if row in drawn}
    add_legend(figure, entries, "outside upper left")
