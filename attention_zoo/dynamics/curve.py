"""Curve: the path of a gradient flow in the plane of mu and nu, in closed form."""

import numpy as np

from attention_zoo.dynamics.checks import LAST
from attention_zoo.dynamics.gauss import NODES, WEIGHTS
from attention_zoo.dynamics.linexp import inverse_linexp, linexp
from attention_zoo.dynamics.panels import Panels
from attention_zoo.dynamics.roots import increasing_root
from attention_zoo.dynamics.share import rest, share


class Curve:
    """nu as a function of mu along one flow, and how long the flow takes along it.

        F(nu) = F(nu_0) + G(mu) - G(mu_0),  F(nu) = nu + (e^nu - 1)/(m - 1)

    mu always grows, so mu tells the points of the curve apart.

    Args:
        paradigm: `Paradigm`, which gives G and the velocity.
        num_segments, num_classes: m and C, numbers or arrays that broadcast with mu and nu.
        mu, nu: the start, mu >= 0, numbers or arrays.

    Attributes:
        slope: dnu/dmu at the start.
        attention: a at the start.
        Others as given.

    Reference: arXiv:2307.13421, learning dynamics in the orthogonal setting.
    """

    def __init__(self, paradigm, num_segments, num_classes, mu=0.0, nu=0.0):
        self.paradigm = paradigm
        self.num_segments = num_segments
        self.num_classes = num_classes
        self.mu = mu
        self.attention = share(nu, num_segments)
        self.slope = self._conserved_slope(mu) * rest(nu, num_segments)
        self._constant = linexp(nu, num_segments - 1.0) - self._conserved(mu)

    def nu(self, mu):
        """The score gap where the class margin is mu."""
        return inverse_linexp(self._constant + self._conserved(mu), self.num_segments - 1.0)

    def margin(self, nu):
        """The class margin where the score gap is nu, or the start's where nu is behind it."""
        goal = linexp(nu, self.num_segments - 1.0) - self._constant
        goal = np.maximum(goal, self._conserved(self.mu))
        high = np.broadcast_to(self.mu, goal.shape) + 1.0
        while np.any(short := self._conserved(high) < goal):
            high = np.where(short, 2 * high, high)
        return increasing_root(self._conserved, self._conserved_slope, goal, self.mu, high)

    def pace(self, mu):
        """dt/dmu."""
        a = share(self.nu(mu), self.num_segments)
        return (self.num_classes - 1.0) / self.paradigm.pull(mu, a, self.num_classes)

    def duration(self, mu):
        """Time from the start to the class margin mu; infinite beyond 500."""
        span = np.minimum(mu, LAST) - self.mu
        span = np.broadcast_to(span, np.broadcast(span, self._constant).shape)
        panels = Panels(self, span)
        s = (np.arange(panels.count)[:, None] + NODES) / panels.count
        s = s.reshape(-1, *[1] * span.ndim)  # nodes first
        values = self.pace(panels.mu(s)) * panels.slope(s)
        weights = np.tile(WEIGHTS / panels.count, panels.count)
        return np.where(mu > LAST, np.inf, np.tensordot(weights, values, 1))[()]

    def _conserved(self, mu):
        return self.paradigm.conserved(mu, self.num_classes)

    def _conserved_slope(self, mu):
        return self.paradigm.conserved_slope(mu, self.num_classes)
