"""When a hybrid should switch, by numbers of segments and classes."""

import numpy as np
from matplotlib.figure import Figure

from attention_zoo.plots._style import DPI, INK, WIDTH, check_shape


def switch_map(switch, *, num_segments, num_classes):
    """Draws two heat maps: the best switch time, and the time it saves.

    The second is the share that hybrid takes off the time of the better of its two paradigms
    alone; 0 where that is 0, as the goal is met at the start.

    Args:
        switch: `dynamics.Switch`, times `(rows, columns)`.
        num_segments: m of every row.
        num_classes: C of every column.

    Returns:
        The figure, 900 pixels wide, an axes for each map and its colours.
    """
    shape = len(num_segments), len(num_classes)
    check_shape("switch", np.shape(switch.time), shape)
    alone = np.minimum(switch.first, switch.second)
    saved = 1 - np.divide(switch.reached, alone, out=np.ones(shape), where=alone > 0)
    size = WIDTH, 1.6 + 0.42 * shape[0]
    figure = Figure(size, dpi=DPI, facecolor="white", layout="constrained")
    maps = {
        "best switch time": (
            np.log10(np.maximum(switch.time, 1e-3)),
            [_short(t) for t in switch.time.ravel()],
        ),
        "time saved": (100 * saved, [f"{100 * share:.1f}%" for share in saved.ravel()]),
    }
    for ax, (title, (values, texts)) in zip(figure.subplots(1, 2), maps.items(), strict=True):
        _draw_map(ax, values, texts)
        ax.set_title(title, color=INK, fontsize=11, loc="left")
        ax.set_xlabel("classes $C$", color=INK)
        ax.set_ylabel("segments $m$", color=INK)
        ax.set_xticks(range(shape[1]), [f"{c:g}" for c in num_classes])
        ax.set_yticks(range(shape[0]), [f"{m:g}" for m in num_segments])
    return figure


def _short(number):
    """Two digits, and k or M for thousands or millions."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if number >= 0.995 * size:
            return f"{float(f'{number / size:.2g}'):g}{letter}"
    return f"{float(f'{number:.2g}'):g}"


def _draw_map(ax, values, texts):
    """Cells coloured by their values, with texts."""
    ax.imshow(values, cmap="Blues", origin="lower", aspect="auto")
    low, high = np.min(values), np.max(values)
    for (row, column), value, text in zip(
        np.ndindex(values.shape), values.ravel(), texts, strict=True
    ):
        colour = "white" if value > low + 0.6 * (high - low) else INK
        ax.text(column, row, text, ha="center", va="center", color=colour, fontsize=9)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
