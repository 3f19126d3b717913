"""Where attention on the true segment and probability of the true label meet."""

import numpy as np
from matplotlib.figure import Figure

from attention_zoo.plots._style import DPI, INK, check_shape


def joint_histogram(histogram):
    """Draws how often attention on the true segment meets probability of the true label.

    A cell shows its share of all examples, in percent.

    Args:
        histogram: counts or fractions `(5, 5)`: rows are bins of a_z, columns bins of p_y, with
            edges 0, 0.2, …, 1.

    Returns:
        The figure, 520 pixels wide.

    Reference: arXiv:2307.13421, joint histograms of (a_z, p_y).
    """
    h = np.asarray(histogram, float)
    check_shape("histogram", h.shape, (5, 5))
    if not (h.min() >= 0 and 0 < h.sum() < np.inf):
        raise ValueError(f"histogram has values {h.min():g} to {h.max():g}, expected counts")
    share = h / h.sum()
    figure = Figure((5.2, 4.8), dpi=DPI, facecolor="white", layout="constrained")
    ax = figure.add_subplot()
    ax.imshow(share, cmap="Blues", vmin=0, origin="lower", extent=(0, 1, 0, 1))
    for (row, column), s in np.ndenumerate(share):
        colour = "white" if s > 0.6 * share.max() else INK
        at = 0.2 * column + 0.1, 0.2 * row + 0.1
        ax.text(*at, f"{s:.1%}", ha="center", va="center", color=colour)
    ax.set(xticks=np.linspace(0, 1, 6), yticks=np.linspace(0, 1, 6))
    ax.set_xlabel("probability of the true label, $p_y$", color=INK)
    ax.set_ylabel("attention on the true segment, $a_z$", color=INK)
    ax.grid(color="white", lw=2)
    ax.spines[:].set_visible(False)
    return figure
