"""What the pictures share: size, colours, axes, marks, the legend, pixels, the check of shapes.

Lines and frames have colours of Okabe and Ito, which the colour-blind can tell apart, and no
meaning hangs on a colour alone.
"""

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

WIDTH, PANEL_WIDTH, DPI = 9.0, 4.4, 100  # inches, pixels an inch: a README's width, a phone's
INK, FAINT = "#333333", "#dddddd"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKERS = ("o", "s", "^", "D", "v", "P")
_ROUNDING = 1e-3  # by how much pixels may lie beyond their scale
_MARKS = {"switch": (0, (1, 1.6)), "kept": (0, (6, 2, 1.5, 2))}  # lengths of line and gap
_MARK_TEXT = {"switch": "switch", "kept": "kept epoch"}


def add_legend(figure, entries, loc):
    """A legend on one line: styles of lines by text."""
    handles = [Line2D([], [], label=text, **style) for text, style in entries.items()]
    style = {"frameon": False, "fontsize": 9, "labelcolor": INK, "borderaxespad": 0.3}
    style |= {"columnspacing": 1.4, "handletextpad": 0.6}
    figure.legend(handles=handles, loc=loc, ncols=len(handles), **style)


def marks(switch_epoch, kept_epoch):
    """The epochs to mark, by name; without those that are None."""
    both = {"switch": switch_epoch, "kept": kept_epoch}
    return {name: epoch for name, epoch in both.items() if epoch is not None}


def draw_marks(ax, marked, **style):
    """A vertical line at each epoch of `marks`, its name the line's gid."""
    for name, epoch in marked.items():
        ax.axvline(epoch, color=INK, ls=_MARKS[name], gid=name, **style)


def mark_entries(marked, **style):
    """Of `marks`, what `add_legend` takes."""
    return {_MARK_TEXT[name]: {"color": INK, "ls": _MARKS[name], **style} for name in marked}


def dress(ax, title, label="epoch"):
    """Title, label of the x axis, whole numbers on it, a grid across."""
    ax.set_title(title, color=INK, fontsize=11, loc="left")
    ax.set_xlabel(label, color=INK)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="y", color=FAINT)


def in_percent(ax):
    """Fractions on the y axis are shown in percent."""
    ax.yaxis.set_major_formatter(lambda y, _: f"{100 * y:.4g}%")


def unit_pixels(argument, pixels):
    """Pixels as floats in [0, 1], whatever their scale.

    Args:
        argument: what they are called, for the error.
        pixels: uint8, or floats in [0, 1], or, if any is negative, in [-1, 1]; a thousandth beyond
            is rounding.

    Raises:
        ValueError: other values, or none that is a number.
    """
    x = np.asarray(pixels)
    unit = x / 255 if x.dtype == np.uint8 else x.astype("float32")
    low, high = (unit.min(), unit.max()) if unit.size else (0.0, 0.0)
    if not (low >= -1 - _ROUNDING and high <= 1 + _ROUNDING):
        raise ValueError(
            f"{argument} has {x.dtype} values from {low:g} to {high:g}, "
            "expected uint8, or floats in [0, 1] or [-1, 1]"
        )
    unit = (unit + 1) / 2 if low < -_ROUNDING else unit
    return unit.clip(0, 1)


def check_shape(argument, shape, *expected):
    if shape not in expected:
        options = " or ".join(map(str, expected))
        raise ValueError(f"{argument} has shape {shape}, expected {options}")
