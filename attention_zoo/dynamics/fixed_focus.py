"""Fixed focus: the class margin where attention is held and only the classifier learns."""

import numpy as np

from attention_zoo.dynamics.checks import (
    check_attention,
    check_num_classes,
    check_shapes,
    check_times,
)
from attention_zoo.dynamics.registry import get


def fixed_focus(paradigm, *, attention, num_classes, times):
    """mu(t) of a linear classifier under held attention, in closed form, from mu = 0.

    The number of segments does not matter: background is zero.

    Args:
        paradigm: "soft", "hard" or "lvml".
        attention: a on the foreground, above 0 and up to 1.
        num_classes: C, 2 or more.
        times: 0 or more.

    Arguments may be arrays that broadcast.

    Returns:
        mu, float64, of the arguments' common shape.

    Raises:
        ValueError: an unknown paradigm, or a number out of its bounds.

    Reference: arXiv:2307.13421, fixed focus.
    """
    arguments = {
        "times": check_times(times),
        "attention": check_attention(attention),
        "num_classes": check_num_classes(num_classes),
    }
    check_shapes(arguments)
    return get(paradigm).fixed_focus(*np.broadcast_arrays(*arguments.values()))
