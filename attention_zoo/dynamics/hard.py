"""Hard attention averages log-likelihoods."""

import numpy as np
from scipy.special import spence

from attention_zoo.dynamics.functions import inverse_linexp, pick, rest
from attention_zoo.dynamics.paradigm import Paradigm
from attention_zoo.dynamics.quadrature import NODES, WEIGHTS


class Hard(Paradigm):
    """The classifier sees single segments; background leaves it at log C.

        L = -a log b(mu) + (1 - a) log C
        G = integral from 0 to mu of w h,  w = (e^r + K)/C,  h = log(C b) = r - log w
        held a:  mu + (e^mu - 1)/K = a t/K

    Reference: arXiv:2307.13421, hard attention.
    """

    name = "hard"

    def loss(self, mu, attention, num_classes):
        right = np.logaddexp(0.0, np.log(num_classes - 1.0) - mu)
        return attention * right + (1 - attention) * np.log(num_classes)

    def pull(self, mu, attention, num_classes):
        return attention * rest(mu, num_classes)

    def drive(self, mu, attention, num_classes):
        return _gain(mu, num_classes) * np.ones_like(attention)  # whatever it is

    def conserved(self, mu, num_classes):
        mu, c = np.asarray(mu, float), np.asarray(num_classes, float)
        g = np.array(_by_dilogarithm(mu, c))
        near = np.broadcast_to(np.abs(mu) < 1.0, g.shape)
        if near.any():
            g[near] = _by_quadrature(*(pick(x, near) for x in (mu, c)))
        return g[()]

    def fixed_focus(self, times, attention, num_classes):
        k = num_classes - 1.0
        return inverse_linexp(attention * times / k, k)


def _gain(mu, c):
    """h = log(C b), what the foreground's log-likelihood is above the background's."""
    return mu - np.log1p(np.expm1(mu) / c)


def _by_quadrature(mu, c):
    """G near 0, where the terms of its closed form cancel; exact to rounding."""
    r, c = mu[..., None] * NODES, c[..., None]
    return mu * ((1 + np.expm1(r) / c) * _gain(r, c) @ WEIGHTS)


def _by_dilogarithm(mu, c):
    """G = V h + (h - K [log w + mu^2/2 - mu log w + J])/C.

    By parts: V = ((e^mu - 1) + K mu)/C is the integral of w, and h' = K/(C w). J is that of
    log w; Li2(-y) is scipy's spence(1 + y).
    """
    k, e = c - 1, np.expm1(mu)
    log_w = np.log1p(e / c)
    h = mu - log_w
    j = mu * np.log1p(-1 / c) - spence(1 + (e + 1) / k) + spence(1 + 1 / k)
    return (e + k * mu) / c * h + (h - k * (log_w + mu**2 / 2 - mu * log_w + j)) / c
