"""LVML attention averages likelihoods."""

import numpy as np

from attention_zoo.dynamics.functions import increasing_root, inverse_linexp, rest, share
from attention_zoo.dynamics.paradigm import Paradigm
from attention_zoo.dynamics.quadrature import NODES, WEIGHTS


class LVML(Paradigm):
    """The likelihood is the average over segments; background has 1/C.

        L = -log Z,  Z = a b(mu) + (1 - a)/C
        G = K/C^2 [ (e^mu - 1 - mu) + K (e^(-mu) - 1 + mu) ]
        held a:  p (e^mu - 1) + (q + p K) mu + q K (1 - e^(-mu)) = a t,
                 p = a + (1 - a)/C,  q = (1 - a) K/C

    Reference: arXiv:2307.13421, latent variable marginal likelihood.
    """

    name = "lvml"

    def loss(self, mu, attention, num_classes):
        k = num_classes - 1.0
        wrong = attention * rest(mu, num_classes) + (1 - attention) * (k / num_classes)  # 1 - Z
        z = attention * share(mu, num_classes) + (1 - attention) / num_classes
        return -np.where(z < 0.5, np.log(z), np.log1p(-np.minimum(wrong, 0.5)))

    def pull(self, mu, attention, num_classes):
        b = share(mu, num_classes)
        z = attention * b + (1 - attention) / num_classes
        return attention * b * rest(mu, num_classes) / z

    def drive(self, mu, attention, num_classes):
        b = share(mu, num_classes)
        z = attention * b + (1 - attention) / num_classes
        above_chance = -(num_classes - 1) / num_classes * np.expm1(-mu) * b  # b - 1/C
        return above_chance / z

    def conserved(self, mu, num_classes):
        k = num_classes - 1.0
        return k / num_classes**2 * (_exp_beyond_line(mu) + k * _exp_beyond_line(-mu))

    def fixed_focus(self, times, attention, num_classes):
        k = num_classes - 1.0
        p = attention + (1 - attention) / num_classes
        q = (1 - attention) * (k / num_classes)
        n, curved = (q + p * k) / p, q * k / p

        def value(mu):
            return n * mu + np.expm1(mu) - curved * np.expm1(-mu)

        def slope(mu):
            return n + np.exp(mu) + curved * np.exp(-mu)

        y = attention * times / p
        # The last term is between 0 and its tangent at 0: without it, and with that.
        high, low = inverse_linexp(y / n, n), inverse_linexp(y / (n + curved), n + curved)
        return increasing_root(value, slope, y, low, high)


def _exp_beyond_line(x):
    """e^x - 1 - x, with all digits near 0."""
    x = np.asarray(x, float)
    values = np.asarray(np.expm1(x) - x)
    near = np.abs(x) < 0.5
    values[near] = x[near] * (np.expm1(x[near, None] * NODES) @ WEIGHTS)  # of its derivative
    return values[()]
