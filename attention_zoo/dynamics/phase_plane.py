"""What the theory says at a point of the plane of mu and nu."""

from attention_zoo.dynamics.checks import (
    check_attention,
    check_gap,
    check_num_classes,
    check_num_segments,
    check_reached,
    check_shapes,
)
from attention_zoo.dynamics.curve import Curve
from attention_zoo.dynamics.registry import get


def drive(paradigm, *, mu, attention, num_classes):
    """The drive to focus -dL/da, in nats: what more attention on the foreground would gain.

    Args:
        paradigm: "soft", "hard" or "lvml".
        mu: class margins, -500 to 500.
        attention: above 0 and up to 1.
        num_classes: C, 2 or more.

    Reference: arXiv:2307.13421, fixed focus.
    """
    arguments = {
        "mu": check_gap("mu", mu),
        "attention": check_attention(attention),
        "num_classes": check_num_classes(num_classes),
    }
    check_shapes(arguments)
    return get(paradigm).drive(**arguments)


def velocity(paradigm, *, mu, nu, num_segments, num_classes):
    """(mu', nu'), the vector field of unit-rate gradient flow.

    Args:
        paradigm: "soft", "hard" or "lvml".
        mu, nu: class margins and score gaps, -500 to 500.
        num_segments, num_classes: m and C, 2 or more.

    Reference: arXiv:2307.13421, learning dynamics in the orthogonal setting.
    """
    arguments = {
        "mu": check_gap("mu", mu),
        "nu": check_gap("nu", nu),
        "num_segments": check_num_segments(num_segments),
        "num_classes": check_num_classes(num_classes),
    }
    check_shapes(arguments)
    return get(paradigm).velocity(**arguments)


def score_gap(paradigm, *, mu, num_segments, num_classes):
    """nu where the flow from (0, 0) has class margin mu: the conserved relation.

        F(nu) = G(mu),  F(nu) = nu + (e^nu - 1)/(m - 1),  G the paradigm's own

    Args:
        paradigm: "soft", "hard" or "lvml".
        mu: class margins, 0 to 500.
        num_segments, num_classes: m and C, 2 or more.

    Reference: arXiv:2307.13421, learning dynamics in the orthogonal setting.
    """
    curve, mu = _from_0(paradigm, mu, num_segments, num_classes)
    return curve.nu(mu)


def time_to(paradigm, *, mu, num_segments, num_classes):
    """When the flow from (0, 0) has class margin mu: the quadrature of dmu / mu'.

    Each mu takes up to some thousand nodes of memory, all at once.

    Args:
        paradigm, mu, num_segments, num_classes: as in `score_gap`.

    Reference: arXiv:2307.13421, learning dynamics in the orthogonal setting.
    """
    curve, mu = _from_0(paradigm, mu, num_segments, num_classes)
    return curve.duration(mu)


def _from_0(paradigm, mu, num_segments, num_classes):
    """The curve from (0, 0), and mu."""
    arguments = {
        "mu": check_reached("mu", mu),
        "num_segments": check_num_segments(num_segments),
        "num_classes": check_num_classes(num_classes),
    }
    check_shapes(arguments)
    mu, m, c = arguments.values()
    return Curve(get(paradigm), m, c), mu
