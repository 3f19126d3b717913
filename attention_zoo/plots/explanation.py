"""Where a model looked, and what its prediction rests on: a row a segment."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from attention_zoo.plots._style import COLOURS, DPI, FAINT, INK, WIDTH
from attention_zoo.plots.mosaics import images_of
from attention_zoo.plots.posts import drawable

_MARGIN, _HEAD, _ROW, _GAP, _FOOT = 0.2, 0.72, 0.42, 0.2, 0.25  # inches
_BAR = 1.5  # inches of a full bar
_LONGEST = 14  # characters of a class's name above a column
_COLUMNS = {"segment": 0.2, "attention": 2.1, "alone": 4.5, "without": 6.6}  # left edges, inches


def explanation(explained, *, max_examples=4):
    """Draws the most attended segments of some examples, the most attended first.

    Of every segment: what it is (the image, the token, or its number), its attention, what is
    predicted from it alone, and how probable the prediction still is without it and those above.

    Args:
        explained: as `az.explain` returns it.
        max_examples: how many of the examples are drawn, the first ones.

    Returns:
        The figure, 900 pixels wide, with one axes for the text and bars, and one an image.
    """
    count = min(len(explained), max_examples)
    rows = [np.flatnonzero(explained.segments[i] >= 0) for i in range(count)]
    heights = [_HEAD + _ROW * max(len(row), 1) + _GAP for row in rows]
    height = 2 * _MARGIN + sum(heights) + _FOOT
    figure = Figure((WIDTH, height), dpi=DPI, facecolor="white")
    ax = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(height, 0))
    ax.axis("off")
    pictures = _pictures(explained)
    top = _MARGIN
    for i in range(count):
        _draw_head(ax, top, explained, i)
        for place in rows[i]:
            y = top + _HEAD + _ROW * place
            _draw_row(ax, y, explained, i, place)
            if pictures is not None:
                _draw_image(figure, y, height, pictures[i, explained.segments[i, place]])
        top += heights[i]
    note = "orange: another class is predicted;  –: no segment is left"
    ax.text(_MARGIN, top + _FOOT / 2, note, color=INK, fontsize=8.5, va="center")
    return figure


def _pictures(explained):
    """Segments as images (b, m, h, w, 3), where they are such."""
    x = explained.inputs
    if x is None or x.ndim != 5 or x.shape[-1] not in (1, 3):
        return None
    try:
        return images_of(x)
    except ValueError:  # numbers of another range
        return None


def _draw_head(ax, top, explained, i):
    said = explained.name(explained.label[i])
    whole = explained.support["whole"][i]
    ways = ", ".join(
        f"{way} {explained.name(p[i].argmax())} {p[i].max():.0%}"
        for way, p in explained.probabilities.items()
    )
    bold = f"{said} {whole:.0%}, confidence {explained.confidence[i]:.2f}"
    style = {"color": INK, "va": "center", "parse_math": False}
    ax.text(_MARGIN, top + 0.12, bold, fontsize=10, weight="bold", **style)
    ax.text(WIDTH - _MARGIN, top + 0.12, ways, fontsize=9, ha="right", **style)
    heads = {
        "segment": "segment",
        "attention": "attention",
        "alone": "from it alone",
    }
    for name, text in heads.items():
        ax.text(_COLUMNS[name], top + 0.45, text, color=INK, fontsize=9, va="center")
    text = f"{said[:_LONGEST]} without it and those above"
    ax.text(WIDTH - _MARGIN, top + 0.45, text, fontsize=9, ha="right", **style)
    ax.plot([_MARGIN, WIDTH - _MARGIN], [top + 0.62] * 2, color=FAINT, lw=1)


def _draw_row(ax, y, explained, i, place):
    j = explained.segments[i, place]
    middle, text = y + _ROW / 2, {"fontsize": 9.5, "color": INK, "va": "center"}
    left = _COLUMNS["segment"] + (
        0 if explained.inputs is None or not _is_image(explained) else 0.5
    )
    called = "".join(drawable(explained.called(i, j)))
    ax.text(left, middle, called[:22], parse_math=False, **text)
    share = float(explained.attention[i, j])
    _bar(ax, _COLUMNS["attention"], middle, share, INK, f"attention-{i}-{place}")
    alone = explained.alone[i, place]
    y_alone = int(alone.argmax())
    colour = INK if y_alone == explained.label[i] else COLOURS[1]
    said = f"{explained.name(y_alone)} {alone[y_alone]:.0%}"
    ax.text(_COLUMNS["alone"], middle, said, parse_math=False, **text | {"color": colour})
    if not explained.remains[i, place]:
        ax.text(_COLUMNS["without"], middle, "–", **text)
        return
    left_over = float(explained.support["without"][i, place])
    flipped = explained.without[i, place].argmax() != explained.label[i]
    colour = COLOURS[1 if flipped else 0]
    _bar(ax, _COLUMNS["without"], middle, left_over, colour, f"without-{i}-{place}")


def _is_image(explained):
    return explained.inputs.ndim == 5


def _bar(ax, left, middle, share, colour, gid):
    ax.add_patch(Rectangle((left, middle - 0.08), _BAR, 0.16, fc=FAINT))
    ax.add_patch(Rectangle((left, middle - 0.08), _BAR * share, 0.16, fc=colour, gid=gid))
    ax.text(left + _BAR + 0.08, middle, f"{share:.0%}", color=INK, fontsize=9.5, va="center")


def _draw_image(figure, y, height, pixels):
    side = _ROW - 0.06
    place = _MARGIN / WIDTH, 1 - (y + side + 0.03) / height, side / WIDTH, side / height
    ax = figure.add_axes(place)
    ax.imshow(pixels)
    ax.axis("off")
