"""Gauss's rule, and panels: a stretch of a curve, cut so that time is nearly a polynomial on each.

On [0, 1] n points are exact for polynomials up to degree 2 n - 1.
"""

import numpy as np

from attention_zoo.dynamics.functions import linexp


def gauss(n):
    """Nodes and weights, (n,) each."""
    x, w = np.polynomial.legendre.leggauss(n)
    return (x + 1) / 2, w / 2


NODES, WEIGHTS = gauss(12)


class Panels:
    """Panels from the start of a curve on, where `further` = mu - mu_0 goes from 0 to a span.

    Up to 1 they are cut evenly in x, by what the curve would be were G a line,

        further = (F(nu_0 + x) - F(nu_0)) / G'(mu_0)

    two or more to a unit of x, so that none has nu change by much more than 1: where a flow
    starts off its own curve, as a hybrid's second one does, nu first runs ahead, and from mu_0 =
    50 on it does so before mu has moved by 1e-20. Beyond 1, and for flows from (0, 0), they are
    equal. As dt/dmu has singularities where e^nu = -(m - 1), nearer the real line the smaller a
    is at the start, their width goes by that, unless nu is past it before mu has moved. All are
    the narrower the more dt/dmu changes with a, which for soft attention is a factor e^(mu_0).

    Args:
        curve: `Curve`.
        span: of `further`, a number or an array that has the curve's shape.

    Attributes:
        left, width: of the panels in `further`, (panels, ...).
    """

    def __init__(self, curve, span):
        beginning, odds = np.minimum(span, 1.0), curve.odds
        line = np.maximum(beginning * curve.slope, 1e-9)
        x = np.minimum(line, np.logaddexp(0.0, np.log(odds) + np.log(line)))  # that, or a bit less
        steep = 1 + curve.folds() / 16
        density = (1 + np.maximum(np.log1p(odds) - curve.slope / 4, 0.0) / 3) * steep
        early = _shares(2 * x * steep + beginning * density)
        late = _shares((span - beginning) * density)
        early, late = (s.reshape(-1, *[1] * np.ndim(x * span)) for s in (early, late))
        early = beginning * (linexp(x * early, odds) / linexp(x, odds))
        edges = np.concatenate([early, beginning + (span - beginning) * late[1:]])
        self.left, self.width = edges[:-1], np.diff(edges, axis=0)

    def nodes(self):
        """`further` at Gauss's nodes, (panels, n, ...)."""
        nodes = NODES.reshape(-1, *[1] * (self.left.ndim - 1))
        return self.left[:, None] + self.width[:, None] * nodes


def _shares(count):
    """Edges of so many equal parts of 1, or a few more: 0, ..., 1; of none, 0."""
    count = int(np.ceil(np.max(count, initial=0.0)))
    return np.arange(count + 1) / max(count, 1)
