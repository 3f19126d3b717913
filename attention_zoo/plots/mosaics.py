"""The segments of examples, and what attention made of them."""

import math

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from attention_zoo.plots._style import (
    COLOURS,
    DPI,
    FAINT,
    INK,
    WIDTH,
    add_legend,
    check_shape,
    unit_pixels,
)

_CHOSEN = {"color": COLOURS[1], "lw": 3}
_TRUE = {"color": COLOURS[0], "lw": 2.2, "ls": (0, (2.2, 1.4)), "gapcolor": "white"}
_RIGHT, _WRONG = "#00795a", "#b3261e"


def mosaics(
    segments,
    attention,
    *,
    focus=None,
    labels=None,
    predictions=None,
    class_names=None,
    columns=None,
    max_examples=8,
):
    """Draws the segments of some examples, and how much attention each segment got.

    The most attended segment (of equals the first) has a solid frame, the true one a dashed
    frame. The bar under a segment is its attention. Up to 10 segments a full bar is 1 and the
    number is below the bar. With more, a full bar is the largest attention of the example,
    which is given in its title, and segments that got less of it are paler.

    Args:
        segments: images `(b, m, h, w, c)` with c 1 or 3: uint8, or floats in [0, 1], or, if
            any is below 0 by more than a thousandth, in [-1, 1].
        attention: attention weights `(b, m)`.
        focus: index of the true segment `(b,)` (negative: unknown), or 0/1 mask `(b, m)`.
        labels: true class ids `(b,)`.
        predictions: predicted class ids `(b,)`.
        class_names: what to call the classes, in the order of their ids.
        columns: segments side by side; default all of them up to 10, else near a square.
        max_examples: how many of the b examples are drawn, the first ones.

    Returns:
        The figure, 900 pixels wide, an axes for every example.
    """
    images, a = images_of(segments), np.asarray(attention, "float32")
    b, m = images.shape[:2]
    check_shape("attention", a.shape, (b, m))
    truth = _truth(focus, b, m)
    true = _names("labels", labels, class_names, b)
    said = _names("predictions", predictions, class_names, b)
    grid = _Grid(images.shape[1:4], columns)
    figure = grid.figure(min(b, max_examples))
    for i, ax in enumerate(figure.axes):
        _draw_segments(ax, grid, images[i], a[i])
        _draw_frame(ax, grid, a[i].argmax(), 0.04, _CHOSEN, "chosen")
        for j in np.flatnonzero(truth[i]):
            _draw_frame(ax, grid, j, -0.04, _TRUE, "true")
        _draw_title(ax, true[i], said[i])
    _add_legend(figure, grid.numbered, focus, labels, predictions)
    return figure


class _Grid:
    """Where the m segments of an example are, in their own pixels."""

    def __init__(self, shape, columns):
        m, h, w = shape
        self.h, self.w = h, w
        self.numbered = m <= 10
        self.columns = min(m, columns or (m if self.numbered else _near_square(m)))
        self.rows = -(-m // self.columns)
        self.step_x = w + max(1, round(0.15 * w))
        self.step_y = h + max(2, round((0.5 if self.numbered else 0.35) * h))  # bar, number
        self.width = self.columns * self.step_x - (self.step_x - w)
        self.height = self.rows * self.step_y

    def corner(self, j):
        """Left and top of segment j."""
        row, column = divmod(int(j), self.columns)
        return column * self.step_x, row * self.step_y

    def figure(self, examples):
        """A figure with an axes for every example, as many abreast as stay legible."""
        abreast = min(examples, max(min(3, 10 // self.columns), 1 + (self.rows > 1)))
        lines = -(-examples // abreast)
        margin, title, legend = 0.15, 0.38, 0.3  # inches
        block = (WIDTH - margin) / abreast
        scale = min((block - 2 * margin) / self.width, 1 / self.w)  # inches a pixel
        width, line = self.width * scale, self.height * scale + title
        total = round(legend + lines * line + margin, 2)
        figure = Figure((WIDTH, total), dpi=DPI, facecolor="white")
        for y, x in (divmod(i, abreast) for i in range(examples)):
            left, bottom = margin + x * block, total - legend - (y + 1) * line
            place = left / WIDTH, bottom / total, width / WIDTH, (line - title) / total
            ax = figure.add_axes(place, xlim=(0, self.width), ylim=(self.height, 0))
            ax.axis("off")
        return figure


def _near_square(m):
    """Columns of a grid that is square or wider, full if it need not be too wide for that."""
    return next(c for c in range(math.isqrt(m - 1) + 1, m + 1) if m % c == 0 or c * c > 2 * m)


def _draw_segments(ax, grid, images, a):
    """The segments, their bars, and either their numbers or their paleness."""
    full = 1.0 if grid.numbered else max(a.max(), 1e-12)
    canvas = np.ones((grid.height, grid.width, 3))
    for j, (image, share) in enumerate(zip(images, a / full, strict=True)):
        x, y = grid.corner(j)
        strength = 1.0 if grid.numbered else 0.35 + 0.65 * np.sqrt(share)
        canvas[y : y + grid.h, x : x + grid.w] = 1 - strength * (1 - image)
        at, thick = (x, y + 1.09 * grid.h), 0.1 * grid.h
        ax.add_patch(Rectangle(at, grid.w, thick, fc=FAINT))
        ax.add_patch(Rectangle(at, grid.w * share, thick, fc=INK, gid=f"attention-{j}"))
        if grid.numbered:
            at = x + grid.w / 2, y + 1.22 * grid.h
            ax.text(*at, f"{a[j]:.2f}", ha="center", va="top", color=INK, fontsize=9)
    ax.imshow(canvas, extent=(0, grid.width, grid.height, 0), aspect="auto")
    if not grid.numbered:
        ax.set_title(f"largest attention {a.max():.2f}", color=INK, fontsize=9, loc="right", pad=7)


def _draw_frame(ax, grid, j, outset, style, gid):
    """A line around segment j, `outset` of its width away."""
    (x, y), d = grid.corner(j), outset * grid.w
    left, top, right, bottom = x - d, y - d, x + grid.w + d, y + grid.h + d
    corners = (left, right, right, left, left), (top, top, bottom, bottom, top)
    ax.plot(*corners, **style, solid_capstyle="projecting", clip_on=False, gid=f"{gid}-{j}")


def _draw_title(ax, true, said):
    if true is None or said is None:
        text, colour = true or (said and f"→ {said}"), INK
    else:
        mark, colour = ("✓", _RIGHT) if true == said else ("✗", _WRONG)
        text = f"{mark} {true} → {said}"
    ax.set_title(text or "", color=colour, fontsize=10, loc="left", pad=7, parse_math=False)


def _add_legend(figure, numbered, focus, labels, predictions):
    full = "1" if numbered else "largest"
    entries = {"most attended segment": _CHOSEN}
    if focus is not None:
        entries["true segment"] = _TRUE
    entries[f"attention (full bar: {full})"] = {"color": INK, "lw": 5}
    if labels is not None and predictions is not None:
        entries["✓ ✗  true → predicted label"] = {"lw": 0}
    add_legend(figure, entries, "upper left")


def images_of(segments):
    """Segments as floats in [0, 1], `(b, m, h, w, 3)`."""
    x = np.asarray(segments)
    if x.ndim != 5 or x.shape[-1] not in (1, 3):
        raise ValueError(f"segments has shape {x.shape}, expected (b, m, h, w, c) with c 1 or 3")
    if not len(x):
        raise ValueError(f"segments has shape {x.shape}, expected 1 example or more")
    return np.broadcast_to(unit_pixels("segments", x), (*x.shape[:-1], 3))


def _truth(focus, b, m):
    """Which segments are true, bool `(b, m)`."""
    z = np.full(b, -1) if focus is None else np.asarray(focus)
    if z.shape == (b, m) and (m > 1 or z.dtype == bool):
        return z > 0
    check_shape("focus", z.shape, (b,), (b, 1), (b, m))
    return z.reshape(b, 1) == np.arange(m)


def _names(argument, ids, class_names, b):
    if ids is None:
        return [None] * b
    ids = np.asarray(ids)
    check_shape(argument, ids.shape, (b,))
    if class_names is None:
        return [str(i) for i in ids]
    low, high = ids.min(), ids.max()
    if low < 0 or high >= len(class_names):
        raise ValueError(
            f"{argument} has class ids {low} to {high}, class_names has {len(class_names)} names"
        )
    return [class_names[i] for i in ids]
