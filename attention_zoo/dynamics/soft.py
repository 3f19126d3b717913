"""Soft attention averages segments."""

import numpy as np

from attention_zoo.dynamics.functions import inverse_linexp, rest
from attention_zoo.dynamics.paradigm import Paradigm


class Soft(Paradigm):
    """The classifier sees the average segment, whose margin is a mu.

        L = -log b(a mu) = log(1 + K e^(-a mu))
        G = K mu^2 / (2 C)
        held a:  x + (e^x - 1)/K = a^2 t/K  with x = a mu

    Reference: arXiv:2307.13421, soft attention.
    """

    name = "soft"

    def loss(self, mu, attention, num_classes):
        return np.logaddexp(0.0, np.log(num_classes - 1.0) - attention * mu)

    def pull(self, mu, attention, num_classes):
        return attention * rest(attention * mu, num_classes)

    def drive(self, mu, attention, num_classes):
        return mu * rest(attention * mu, num_classes)

    def conserved(self, mu, num_classes):
        return (num_classes - 1) / num_classes * mu**2 / 2

    def fixed_focus(self, times, attention, num_classes):
        k = num_classes - 1.0
        return inverse_linexp(attention**2 * times / k, k) / attention
