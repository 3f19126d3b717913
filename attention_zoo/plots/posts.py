"""Posts, the attention on their tokens, and the tokens that people marked."""

import functools

import numpy as np
from matplotlib import font_manager
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from matplotlib.patches import Rectangle

from attention_zoo.plots._style import COLOURS, DPI, INK, WIDTH, check_shape

_SIZE = 9.5  # points
_ADVANCE = 0.602 * _SIZE / 72  # inches a character of DejaVu Sans Mono
_LINE, _TITLE, _MARGIN = 0.25, 0.3, 0.15  # inches
_COLOURS = LinearSegmentedColormap.from_list("attention", ["#ffffff", COLOURS[4]])


def posts(
    tokens,
    attention,
    *,
    rationale=None,
    labels=None,
    predictions=None,
    class_names=None,
    max_examples=8,
):
    """Draws the tokens of some posts: attention as colour, the rationale underlined.

    The deepest colour is the largest attention of the post, which stands above it; its token (of
    equals the first) has a frame. Tokens run from left to right in every script. A character that
    the font lacks is drawn as a box.

    Args:
        tokens: strings `(b, m)`, or lists of strings; "" is padding.
        attention: attention weights `(b, m)`.
        rationale: 0/1 `(b, m)`, or None.
        labels: true class ids `(b,)`.
        predictions: predicted class ids `(b,)`.
        class_names: what to call the classes, in the order of their ids.
        max_examples: how many of the b posts are drawn, the first ones.

    Returns:
        The figure, 900 pixels wide, with one axes.
    """
    a = np.asarray(attention, "float64")
    marks = np.zeros(a.shape) if rationale is None else np.asarray(rationale)
    check_shape("rationale", marks.shape, a.shape)
    if a.ndim != 2 or len(tokens) != len(a):
        raise ValueError(
            f"attention has shape {a.shape}, tokens are of {len(tokens)} posts, expected (b, m)"
        )
    for name, ids in (("labels", labels), ("predictions", predictions)):
        check_shape(name, a.shape[:1] if ids is None else np.shape(ids), a.shape[:1])
    longest = max(map(len, tokens), default=0)
    if longest > a.shape[1]:
        raise ValueError(
            f"attention has shape {a.shape}, a post has {longest} tokens, expected (b, m) with "
            "room for every token"
        )
    count = min(len(a), max_examples)
    titles = [_title(i, a, labels, predictions, class_names) for i in range(count)]
    drawn = [_layout(tokens[i]) for i in range(count)]
    lines = [1 + max((row for row, *_ in places), default=0) for places in drawn]
    height = 2 * _MARGIN + sum(_TITLE + n * _LINE for n in lines)
    figure = Figure((WIDTH, height), dpi=DPI, facecolor="white")
    ax = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(height, 0))
    ax.axis("off")
    top = _MARGIN
    for i, places in enumerate(drawn):
        title = ax.text(_MARGIN, top + 0.1, titles[i], color=INK, fontsize=9, va="center")
        title.set(weight="bold", parse_math=False)
        _draw(ax, top + _TITLE, places, a[i], marks[i])
        top += _TITLE + lines[i] * _LINE
    return figure


def _layout(tokens):
    """(line, left, width, text, number) of every token, in inches, lines as wide as the figure."""
    places, row, x = [], 0, _MARGIN
    for j, token in enumerate(tokens):
        text = drawable(token.decode() if isinstance(token, bytes) else str(token))
        if not text:
            continue
        text = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
        width = (len(text) + 0.6) * _ADVANCE
        if x > _MARGIN and x + width > WIDTH - _MARGIN:
            row, x = row + 1, _MARGIN
        places.append((row, x, width, text, j))
        x += width + 0.6 * _ADVANCE
    return places


_LONGEST = int((WIDTH - 2 * _MARGIN) / _ADVANCE) - 1


@functools.cache
def _characters():
    font = font_manager.findfont("DejaVu Sans Mono")
    return frozenset(FT2Font(font).get_charmap())


def drawable(token):
    """The token with a box for every character that the font lacks."""
    return "".join(c if ord(c) in _characters() else "□" for c in token if c.isprintable())


def _draw(ax, top, places, a, marks):
    largest, chosen = max(a.max(initial=0.0), 1e-12), int(a.argmax()) if a.any() else -1
    for row, x, width, text, j in places:
        y = top + row * _LINE
        edge = INK if j == chosen else "none"
        box = Rectangle((x, y), width, 0.19, fc=_COLOURS(a[j] / largest), ec=edge, lw=1.2)
        box.set_gid(f"attention-{j}")
        ax.add_patch(box)
        style = {"family": "DejaVu Sans Mono", "fontsize": _SIZE, "parse_math": False}
        ax.text(x + width / 2, y + 0.095, text, ha="center", va="center", color=INK, **style)
        if marks[j] > 0:
            line = [x + 0.02, x + width - 0.02], [y + 0.215] * 2
            ax.plot(*line, color=COLOURS[0], lw=2, solid_capstyle="butt", gid=f"rationale-{j}")


def _title(i, a, labels, predictions, class_names):
    """Label, prediction and largest attention of a post."""
    said, true = (_name(ids, i, class_names) for ids in (predictions, labels))
    both = " → ".join(name for name in (true, said) if name)
    most = f"largest attention {a[i].max(initial=0.0):.2f}"
    return f"{both}, {most}" if both else most


def _name(ids, i, class_names):
    if ids is None:
        return ""
    number = int(ids[i])
    if class_names is None:
        return str(number)
    if not 0 <= number < len(class_names):
        raise ValueError(f"class id {number} has no name, expected 0 to {len(class_names) - 1}")
    return class_names[number]
