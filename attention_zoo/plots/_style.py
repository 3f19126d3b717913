"""What the pictures share: size, colours, the legend, the check of shapes.

Lines and frames have colours of Okabe and Ito, which the colour-blind can tell apart, and no
meaning hangs on a colour alone.
"""

from matplotlib.lines import Line2D

WIDTH, DPI = 9.0, 100  # inches, pixels an inch: as wide as a README
INK, FAINT = "#333333", "#dddddd"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")


def add_legend(figure, entries, loc):
    """A legend on one line: styles of lines by text."""
    handles = [Line2D([], [], label=text, **style) for text, style in entries.items()]
    style = {"frameon": False, "fontsize": 9, "labelcolor": INK, "borderaxespad": 0.3}
    figure.legend(handles=handles, loc=loc, ncols=len(handles), **style)


def check_shape(argument, shape, *expected):
    if shape not in expected:
        options = " or ".join(map(str, expected))
        raise ValueError(f"{argument} has shape {shape}, expected {options}")
