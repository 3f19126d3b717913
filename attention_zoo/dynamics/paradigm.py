"""Paradigm: what soft, hard and LVML attention have in common in the orthogonal setting."""

import abc

from attention_zoo.dynamics.functions import rest, share


class Paradigm(abc.ABC):
    """A loss of two scalars, and the gradient flow it gives.

    Foreground of class y is the unit vector e_y, background is zero, focus and classifier are
    linear without bias and start at zero, the C classes are balanced. By symmetry the scores are
    told by nu, the score of the foreground above that of the background, and the logits by mu,
    the logit of the right class above that of any wrong one. With m segments and K = C - 1,

        a = e^nu / (e^nu + m - 1)      attention on the foreground
        b = e^mu / (e^mu + K)          probability of the right class on the foreground

    and the loss is a function L(mu, a), in nats. Gradient flow of unit rate on all weights is

        mu' = -1/K dL/dmu              nu' = -a (1 - a)/C dL/da

    Along it F(nu) - G(mu) is constant, with F(nu) = nu + (e^nu - 1)/(m - 1) for all paradigms
    and G their own, G(0) = 0, as F'(nu) = 1/(1 - a) and the ratio of the derivatives of L is a
    function of mu divided by a.

    Paradigms differ in L alone, by what they average: a leaf gives L, its derivatives, G, and
    mu(t) where a is held. Arguments broadcast; mu and nu any numbers, 0 < a <= 1, m, C >= 2.

    Reference: arXiv:2307.13421, learning dynamics in the orthogonal setting.
    """

    name: str

    @abc.abstractmethod
    def loss(self, mu, attention, num_classes):
        """L in nats."""

    @abc.abstractmethod
    def pull(self, mu, attention, num_classes):
        """-dL/dmu: what a larger class margin would gain."""

    @abc.abstractmethod
    def drive(self, mu, attention, num_classes):
        """-dL/da: what more focus would gain, the drive to focus."""

    @abc.abstractmethod
    def conserved(self, mu, num_classes):
        """G(mu), with all digits near mu = 0."""

    @abc.abstractmethod
    def fixed_focus(self, times, attention, num_classes):
        """mu at these times where a is held and mu(0) = 0."""

    def conserved_slope(self, mu, num_classes):
        """G'(mu) = K/C a dL/da / (dL/dmu), whatever a is."""
        ratio = self.drive(mu, 1.0, num_classes) / self.pull(mu, 1.0, num_classes)
        return (num_classes - 1) / num_classes * ratio

    def velocity(self, mu, nu, num_segments, num_classes):
        """(mu', nu')."""
        a, others = share(nu, num_segments), rest(nu, num_segments)
        mu_rate = self.pull(mu, a, num_classes) / (num_classes - 1)
        return mu_rate, a * others * self.drive(mu, a, num_classes) / num_classes
