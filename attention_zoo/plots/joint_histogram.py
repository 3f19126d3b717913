"""Where attention on the true segment and probability of the true label meet."""

import numpy as np
from matplotlib.figure import Figure

from attention_zoo.plots._style import DPI, INK


def joint_histogram(histogram, *, truth="the true segment"):
    """Draws how often attention on the true segment meets probability of the true label.

    A cell shows its share of all examples, in percent, "0.0%" if it has none.

    Args:
        histogram: counts or fractions `(bins, bins)`: rows are bins of a_z, columns bins of p_y,
            all of one width, from 0 to 1.
        truth: what attention is compared with.

    Returns:
        The figure, 520 pixels wide.

    Reference: arXiv:2307.13421, joint histograms of (a_z, p_y).
    """
    h = np.asarray(histogram, float)
    bins = len(h) if h.ndim == 2 else 0
    if bins == 0 or h.shape != (bins, bins):
        raise ValueError(f"histogram has shape {h.shape}, expected (bins, bins)")
    if not (h.min() >= 0 and 0 < h.sum() < np.inf):
        raise ValueError(f"histogram has values {h.min():g} to {h.max():g}, expected counts")
    share = h / h.sum()
    figure = Figure((5.2, 4.8), dpi=DPI, facecolor="white", layout="constrained")
    ax = figure.add_subplot()
    ax.imshow(share, cmap="Blues", vmin=0, origin="lower", extent=(0, 1, 0, 1))
    size = min(10, 70 / bins)
    for (row, column), s in np.ndenumerate(share):
        colour = "white" if s > 0.6 * share.max() else INK
        at = (column + 0.5) / bins, (row + 0.5) / bins
        ax.text(*at, _text(s), ha="center", va="center", color=colour, fontsize=size)
    edges = np.linspace(0, 1, bins + 1)
    ax.set(xticks=edges, yticks=edges)
    ax.set_xlabel("probability of the true label, $p_y$", color=INK)
    ax.set_ylabel(f"attention on {truth}, $a_z$", color=INK)
    ax.grid(color="white", lw=2)
    ax.spines[:].set_visible(False)
    return figure


def _text(share):
    """A share in percent; what is there is not "0.0%"."""
    return "<0.1%" if 0 < share < 0.0005 else f"{share:.1%}"
