"""Curve: the path of a gradient flow in the plane of mu and nu, in closed form."""

import numpy as np

from attention_zoo.dynamics.checks import LAST
from attention_zoo.dynamics.functions import increasing_root, inverse_linexp, linexp, pick, share
from attention_zoo.dynamics.quadrature import WEIGHTS, Panels, gauss

_NEAR = 0.1  # below it G(mu) - G(mu_0) is a quadrature, exact to rounding with four points
_NODES, _WEIGHTS = gauss(4)
_STILL = 1e-302  # pull at which nothing moves any more; C over it is no overflow


class Curve:
    """nu as a function of mu along one flow, and how long the flow takes along it.

        F(nu) = F(nu_0) + G(mu) - G(mu_0),  F(nu) = nu + (e^nu - 1)/(m - 1)

    mu always grows, so mu tells the points of the curve apart. Where it is large nu moves long
    before mu does, in float64: points go by `further` = mu - mu_0, which keeps its digits.

    Args:
        paradigm: `Paradigm`, which gives G and the velocity.
        num_segments, num_classes: m and C, numbers or arrays that broadcast with mu and nu.
        mu, nu: the start, mu >= 0, numbers or arrays.

    Attributes:
        slope: G'(mu_0).
        odds: (1 - a)/a at the start.
        Others as given.

    Reference: arXiv:2307.13421, learning dynamics in the orthogonal setting.
    """

    def __init__(self, paradigm, num_segments, num_classes, mu=0.0, nu=0.0):
        self.paradigm = paradigm
        self.num_segments = num_segments
        self.num_classes = num_classes
        self.mu = mu
        self.odds = (num_segments - 1.0) * np.exp(-nu)
        self.slope = self._slope(0.0)
        self._start = linexp(nu, num_segments - 1.0)
        self._from_0 = not np.any(mu)
        self._conserved = 0.0 if self._from_0 else paradigm.conserved(mu, num_classes)

    def nu(self, further):
        """The score gap where the class margin is so much further than at the start."""
        return inverse_linexp(self._start + self._gained(further), self.num_segments - 1.0)

    def further(self, nu):
        """How much further mu is where the score gap is nu; 0 where nu is behind the start's."""
        goal = np.maximum(linexp(nu, self.num_segments - 1.0) - self._start, 0.0)
        goal = np.broadcast_to(goal, np.broadcast(goal, self.mu).shape)
        high = np.ones(goal.shape)
        while np.any(short := self._gained(high) < goal):
            high = np.where(short, 2 * high, high)
        return increasing_root(self._gained, self._slope, goal, 0.0, high)

    def pace(self, further):
        """dt/dmu."""
        a = share(self.nu(further), self.num_segments)
        pull = self.paradigm.pull(self.mu + further, a, self.num_classes)
        return (self.num_classes - 1.0) / np.maximum(pull, _STILL)

    def folds(self):
        """How often dt/dmu would grow by e if a went from the start's to 1, a factor 1/a aside."""
        a = np.maximum(1 / (1 + self.odds), 1e-80)
        some, all_ = (self.paradigm.pull(self.mu, x, self.num_classes) / x for x in (a, 1.0))
        return np.abs(np.log(some / all_))

    def duration(self, further):
        """Time from the start until mu is so much further; infinite where it is beyond 500."""
        span = np.minimum(further, LAST - self.mu)
        span = np.broadcast_to(span, np.broadcast(span, self._start, self.slope).shape)
        panels = Panels(self, span)
        times = np.tensordot(WEIGHTS, self.pace(panels.nodes()), (0, 1))  # (panels, ...)
        times = np.sum(panels.width * times, axis=0)
        return np.where(further > LAST - self.mu, np.inf, times)[()]

    def _gained(self, further):
        """G(mu) - G(mu_0), with all digits."""
        end = self.paradigm.conserved(self.mu + further, self.num_classes)
        if self._from_0:
            return end
        gained = np.asarray(end - self._conserved)
        near = np.broadcast_to(further < _NEAR, gained.shape)
        if near.any():
            mu, x, c = (pick(value, near) for value in (self.mu, further, self.num_classes))
            mu = mu[..., None] + x[..., None] * _NODES
            gained[near] = x * (self.paradigm.conserved_slope(mu, c[..., None]) @ _WEIGHTS)
        return gained[()]

    def _slope(self, further):
        return self.paradigm.conserved_slope(self.mu + further, self.num_classes)
