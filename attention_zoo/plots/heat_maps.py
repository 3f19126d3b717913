"""Where attention lies on a slide: its patches at their places, over a thumbnail."""

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from attention_zoo.plots._style import DPI, FAINT, INK, WIDTH, check_shape

_COLOURS = "cividis"  # the colour-blind see it as it is; it gets lighter all the way
_ASKEW = 0.05  # by how much a thumbnail's ratio of sides may differ from the slide's
_SAMPLE = 200  # patches whose neighbours are looked for


def heat_maps(
    coords,
    attention,
    *,
    sizes=None,
    thumbnails=None,
    extents=None,
    titles=None,
    note="",
    columns=2,
):
    """Draws the patches of slides where they were cut, coloured by attention.

    Colours are shares of the even one, m a: 1 is what every patch of the slide would get were
    attention spread evenly. The most attended patch has a frame, but where attention is NaN. A
    thumbnail is stretched over the whole slide; where its size is not known, patches lie beyond it,
    or the thumbnail has sides of another ratio, it is left out, and a line below says so.

    Args:
        coords: for every slide (m, 2): x and y of a patch's upper left corner, y down.
        attention: for every slide (m,).
        sizes: for every slide the side of a patch, or None: as far as a patch's neighbour is.
        thumbnails: for every slide a picture of all of it, (h, w), (h, w, 3) or (h, w, 4), or None.
        extents: for every slide its (width, height), in the units of coords, or None.
        titles: for every slide.
        note: a line below all.
        columns: slides side by side.

    Returns:
        The figure, 900 pixels wide, an axes for every slide, and one for the colours.

    Raises:
        ValueError: no slides, or coords and attention of other shapes.
    """
    n = len(coords)
    if not n:
        raise ValueError("coords has 0 slides, expected 1 or more")
    more = {"titles": titles, "sizes": sizes, "thumbnails": thumbnails, "extents": extents}
    for name, x in ({"attention": attention} | more).items():
        if x is not None and len(x) != n:
            raise ValueError(f"{name} has {len(x)} slides, expected {n}, as coords")
    given = [[None] * n if x is None else x for x in more.values()]
    rows = -(-n // columns)
    figure = Figure((WIDTH, 0.7 + 3.9 * rows), dpi=DPI, facecolor="white", layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    norm = _norm(attention)
    for ax in axes[n:]:
        ax.remove()
    for ax, xy, a, title, *rest in zip(axes[:n], coords, attention, *given, strict=True):
        _draw(ax, np.asarray(xy, float), np.asarray(a, float), norm, *rest)
        ax.set_title(title or "", loc="left", color=INK, fontsize=10, parse_math=False)
    bar = figure.colorbar(
        ScalarMappable(norm, _COLOURS), ax=list(axes[:n]), location="bottom", shrink=0.5, aspect=40
    )
    bar.set_label("attention × number of instances: 1 is an even share", color=INK, fontsize=9)
    bar.ax.tick_params(labelsize=8, colors=INK)
    if note:
        figure.supxlabel(note, color=INK, fontsize=8, parse_math=False)
    return figure


def _norm(attention):
    """Colours over a hundredth of the even share to the largest known one, in logarithms."""
    shares = np.concatenate([len(a) * np.ravel(a) for a in attention])
    return LogNorm(0.01, shares[np.isfinite(shares)].max(initial=1.01))


def _why_not(xy, thumbnail, extent):
    """Why a thumbnail cannot be laid under patches; None where it can."""
    if extent is None:
        return "no thumbnail: the size of the slide is not known"
    width, height = extent
    if np.any((xy < 0) | (xy >= extent)):
        return f"no thumbnail: patches lie beyond the slide, which is {width:g} × {height:g}"
    h, w = np.shape(thumbnail)[:2]
    if abs(w * height / (h * width) - 1) > _ASKEW + 1 / w + 1 / h:  # sides are whole pixels
        return f"no thumbnail: it is {w} × {h}, the slide {width:g} × {height:g}"
    return None


def _draw(ax, xy, a, norm, size, thumbnail, extent):
    check_shape("attention", a.shape, (len(xy),))
    check_shape("coords", xy.shape, (len(a), 2))
    why_not = None if thumbnail is None else _why_not(xy, thumbnail, extent)
    side = size or _side(xy)
    squares = xy[:, None] + side * np.array([[0, 0], [1, 0], [1, 1], [0, 1]])  # (m, 4, 2)
    (left, top), (right, bottom) = xy.min(axis=0), xy.max(axis=0) + side
    is_laid = thumbnail is not None and not why_not
    if is_laid:
        (left, top), (right, bottom) = (0, 0), extent
        ax.imshow(thumbnail, extent=(left, right, bottom, top), cmap="gray")
    share = np.clip(len(a) * a, norm.vmin, None)
    patches = PolyCollection(squares, array=share, norm=norm, cmap=_COLOURS, gid="patches")
    patches.set_alpha(0.75 if is_laid else 1.0)
    ax.add_collection(patches)
    if not np.isnan(a).any():
        chosen = squares[a.argmax()]
        ax.plot(*np.vstack([chosen, chosen[:1]]).T, color="#d55e00", lw=2, gid="chosen")
    ax.set(xlim=(left, right), ylim=(bottom, top), aspect="equal", facecolor=FAINT)
    ax.set(xticks=[], yticks=[])
    ax.set_xlabel(why_not or "", loc="left", color=INK, fontsize=8)


def _side(xy):
    """The side of a patch: how far, in x or y, its nearest neighbour is; 1 of a patch alone.

    Squares that do not overlap are a side apart, whatever grids they were cut by. The lower
    quartile of a sample: where grids meet some may overlap, and some have no neighbour.
    """
    some = xy[:: max(len(xy) // _SAMPLE, 1)]
    ways = (np.abs(xy - one).max(axis=1) for one in some)
    nearest = [way[way > 0].min() for way in ways if way.any()]
    return float(np.quantile(nearest, 0.25, method="nearest")) if nearest else 1.0
