"""A caption read with its picture: the picture once a word, with the word's attention over it."""

import math

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from attention_zoo.plots._style import COLOURS, DPI, INK, WIDTH, check_shape, unit_pixels

_COLUMNS = 6  # panels side by side: the picture, and words
_MARGIN, _TITLE, _GAP = 0.15, 0.26, 0.1  # inches
_HEAT = LinearSegmentedColormap.from_list(
    "heat", [(*to_rgb(COLOURS[1]), alpha) for alpha in (0.0, 0.85)]
)
_TEXT = {"color": INK, "pad": 3, "parse_math": False}


def captions(images, words, attention, *, grid=None, hard=False, references=None, max_examples=4):
    """Draws pictures and, for every word of a caption, where its attention was.

    The picture comes first, in its colours; then it is grey, once for every word, and what the
    word looked at is coloured: the deepest colour is the word's largest attention, which stands
    beside it. Between the regions' centres the colour is interpolated.

    Args:
        images: `(b, h, w, 3)`: uint8, or floats in [0, 1], or, if any is below 0 by more than a
            thousandth, in [-1, 1].
        words: the captions, a list of strings, words between blanks, or of lists of words.
        attention: attention weights `(b, T, R)`, T at least the words of any caption.
        grid: rows and columns of the R regions, which run line by line; None if it is square.
        hard: whether each word was read from its most attended region (of equals the first)
            alone: it gets a frame instead of colours.
        references: for each picture a text to stand above it, or None.
        max_examples: how many of the b pictures are drawn, the first ones.

    Returns:
        The figure, 900 pixels wide, an axes for every picture and every word of it.
    """
    images, a = _unit(images), np.asarray(attention, "float64")
    said = [one.split() if isinstance(one, str) else list(one) for one in words]
    rows, columns = _grid(a, grid)
    check_shape("attention", a.shape[:1], (len(images),))
    if len(said) != len(images) or max(map(len, said), default=0) > a.shape[1]:
        raise ValueError(
            f"words are of {len(said)} captions, up to {max(map(len, said), default=0)} words "
            f"long, expected {len(images)} and up to {a.shape[1]}: attention has shape {a.shape}"
        )
    count = min(len(images), max_examples)
    page = _Page(images.shape[1:3], [len(one) for one in said[:count]], references is not None)
    for i in range(count):
        ax = page.panel(i, 0)
        ax.imshow(images[i])
        if references is not None:
            page.text(i, references[i])
        for t, word in enumerate(said[i]):
            ax = page.panel(i, t + 1)
            ax.set_title(_cut(word, 13), fontsize=10, loc="left", **_TEXT)
            ax.set_title(f"{a[i, t].max():.2f}", fontsize=7.5, loc="right", **_TEXT)
            _draw(ax, images[i], a[i, t].reshape(rows, columns), hard)
    return page.figure


class _Page:
    """Where the panels of every picture are, in inches from the top left."""

    def __init__(self, shape, lengths, has_texts):
        h, w = shape
        self.width = (WIDTH - 2 * _MARGIN - (_COLUMNS - 1) * _GAP) / _COLUMNS
        self.height = self.width * h / w
        self.line = _TITLE + self.height
        self.text_height = _TITLE if has_texts else 0.0
        blocks = [math.ceil((1 + n) / _COLUMNS) * self.line + self.text_height for n in lengths]
        self.tops = np.cumsum([_MARGIN, *(block + _GAP for block in blocks)])
        total = round(float(self.tops[-1]) + _MARGIN - _GAP, 2)
        self.figure = Figure((WIDTH, total), dpi=DPI, facecolor="white")

    def panel(self, i, number):
        """The axes of a panel of picture i: 0 the picture itself, 1 its first word."""
        row, column = divmod(number, _COLUMNS)
        left = _MARGIN + column * (self.width + _GAP)
        bottom = self.tops[i] + self.text_height + (row + 1) * self.line
        size = np.array([WIDTH, self.figure.get_figheight()] * 2)
        place = np.array([left, size[1] - bottom, self.width, self.height]) / size
        ax = self.figure.add_axes(place)
        ax.axis("off")
        return ax

    def text(self, i, text):
        """A line over all panels of picture i."""
        height = self.figure.get_figheight()
        at = _MARGIN / WIDTH, 1 - (self.tops[i] + self.text_height / 2) / height
        self.figure.text(*at, _cut(text, 130), fontsize=9, color=INK, va="center", parse_math=False)


def _draw(ax, image, a, hard):
    """The grey picture and attention on it, (rows, columns)."""
    h, w = image.shape[:2]
    extent = (0, w, h, 0)
    grey = image @ [0.299, 0.587, 0.114]
    ax.imshow(0.25 + 0.75 * grey, cmap="gray", vmin=0, vmax=1, extent=extent)
    if hard:
        row, column = np.unravel_index(a.argmax(), a.shape)
        high, wide = h / a.shape[0], w / a.shape[1]
        frame = Rectangle((column * wide, row * high), wide, high, fc="none", ec=COLOURS[1], lw=2.5)
        frame.set_gid("chosen")
        frame.set_clip_on(False)
        ax.add_patch(frame)
    else:
        heat = a / max(a.max(), 1e-12)
        style = {"cmap": _HEAT, "vmin": 0, "vmax": 1, "interpolation": "bilinear"}
        ax.imshow(heat, extent=extent, gid="attention", **style)


def _cut(text, most):
    """The text, its end cut off where it is longer than `most` characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _grid(a, grid):
    """(rows, columns) of the regions."""
    if a.ndim != 3:
        raise ValueError(f"attention has shape {a.shape}, expected (b, T, R)")
    regions, side = a.shape[2], math.isqrt(a.shape[2])
    rows, columns = (side, side) if grid is None else grid
    if rows * columns != regions:
        raise ValueError(f"grid is {grid}, expected rows and columns of {regions} regions")
    return rows, columns


def _unit(images):
    """Pictures as floats in [0, 1], `(b, h, w, 3)`."""
    x = np.asarray(images)
    if x.ndim != 4 or x.shape[-1] != 3:
        raise ValueError(f"images has shape {x.shape}, expected (b, h, w, 3)")
    return unit_pixels("images", x)
