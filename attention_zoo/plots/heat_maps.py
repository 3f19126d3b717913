"""Where attention lies on a slide: its patches at their places, over a thumbnail."""

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from attention_zoo.plots._style import DPI, FAINT, INK, WIDTH, check_shape

_COLOURS = "cividis"  # the colour-blind see it as it is; it gets lighter all the way


def heat_maps(coords, attention, *, sizes=None, thumbnails=None, titles=None, columns=2):
    """Draws the patches of slides where they were cut, coloured by attention.

    Colours are shares of the even one, m a: 1 is what every patch of the slide would get were
    attention spread evenly. The most attended patch has a frame. A thumbnail is stretched over the
    slide from its corner (0, 0) to the far side of the last patch.

    Args:
        coords: for every slide (m, 2): x and y of a patch's upper left corner, y down.
        attention: for every slide (m,).
        sizes: for every slide the side of a patch, or None: the least distance of two patches.
        thumbnails: for every slide a picture (h, w), (h, w, 3) or (h, w, 4), or None.
        titles: for every slide.
        columns: slides side by side.

    Returns:
        The figure, 900 pixels wide, an axes for every slide, and one for the colours.

    Raises:
        ValueError: no slides, or coords and attention of other shapes.
    """
    n = len(coords)
    if not n:
        raise ValueError("coords has 0 slides, expected 1 or more")
    given = [sizes or [None] * n, thumbnails or [None] * n, titles or [""] * n]
    rows = -(-n // columns)
    figure = Figure((WIDTH, 0.7 + 3.9 * rows), dpi=DPI, facecolor="white", layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    norm = _norm(attention)
    for ax in axes[n:]:
        ax.remove()
    for ax, xy, a, size, thumbnail, title in zip(axes, coords, attention, *given, strict=False):
        _draw(ax, np.asarray(xy, float), np.asarray(a, float), norm, size, thumbnail)
        ax.set_title(title, loc="left", color=INK, fontsize=10)
    bar = figure.colorbar(
        ScalarMappable(norm, _COLOURS), ax=list(axes[:n]), location="bottom", shrink=0.5, aspect=40
    )
    bar.set_label("attention × number of instances: 1 is an even share", color=INK, fontsize=9)
    bar.ax.tick_params(labelsize=8, colors=INK)
    return figure


def _norm(attention):
    """Colours over a hundredth of the even share to the largest, in logarithms."""
    largest = max(len(a) * np.max(a) for a in attention)
    return LogNorm(0.01, max(largest, 1.01)) if np.isfinite(largest) else Normalize(0.0, 1.0)


def _draw(ax, xy, a, norm, size, thumbnail):
    check_shape("attention", a.shape, (len(xy),))
    check_shape("coords", xy.shape, (len(a), 2))
    side = size or _side(xy)
    squares = xy[:, None] + side * np.array([[0, 0], [1, 0], [1, 1], [0, 1]])  # (m, 4, 2)
    right, bottom = xy.max(axis=0) + side
    left, top = (0, 0) if thumbnail is not None else xy.min(axis=0)
    if thumbnail is not None:
        ax.imshow(thumbnail, extent=(0, right, bottom, 0), cmap="gray")
    share = np.clip(len(a) * a, norm.vmin, None)
    patches = PolyCollection(squares, array=share, norm=norm, cmap=_COLOURS, gid="patches")
    patches.set_alpha(0.75 if thumbnail is not None else 1.0)
    ax.add_collection(patches)
    chosen = squares[a.argmax()]
    ax.plot(*np.vstack([chosen, chosen[:1]]).T, color="#d55e00", lw=2, gid="chosen")
    ax.set(xlim=(left, right), ylim=(bottom, top), aspect="equal", facecolor=FAINT)
    ax.set(xticks=[], yticks=[])


def _side(xy):
    """The least distance between the x, or the y, of two patches; 1 of a patch alone."""
    gaps = np.concatenate([np.diff(np.unique(x)) for x in xy.T])
    return float(gaps.min()) if len(gaps) else 1.0
