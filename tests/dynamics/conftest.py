"""Independent accounts of the theory: the vector fields as printed, and the networks themselves."""

import numpy as np
import pytest

PARADIGMS = ("soft", "hard", "lvml")


@pytest.fixture(params=PARADIGMS)
def paradigm(request):
    return request.param


def _soft(mu, a, c):
    return a / (np.exp(a * mu) + c - 1), a * (1 - a) * (c - 1) * mu / (c * (np.exp(a * mu) + c - 1))


def _hard(mu, a, c):
    b = np.exp(mu) / (np.exp(mu) + c - 1)
    return a / (np.exp(mu) + c - 1), a * (1 - a) * np.log(c * b) / c


def _lvml(mu, a, c):
    b = np.exp(mu) / (np.exp(mu) + c - 1)
    z = a * b + (1 - a) / c
    return a * b / (z * (np.exp(mu) + c - 1)), a / c * (b / z - 1)


@pytest.fixture(scope="session")
def printed_velocity():
    """(paradigm, mu, nu, m, C) -> (mu', nu') by the formulas as the theory prints them."""
    fields = {"soft": _soft, "hard": _hard, "lvml": _lvml}

    def velocity(paradigm, mu, nu, m, c):
        return fields[paradigm](mu, np.exp(nu) / (np.exp(nu) + m - 1), c)

    return velocity


@pytest.fixture(scope="session")
def network_loss():
    """(paradigm, u (C,), W (C, C), m) -> the mean loss over the C examples, in nats.

    An example is m segments: the unit vector of its class and m - 1 zeros; scores are u . x,
    logits W x. No formula of the theory is used.
    """

    def loss(paradigm, u, w, m):
        c = len(u)
        losses = []
        for y in range(c):
            x = np.zeros((m, c))
            x[0, y] = 1.0
            a = np.exp(x @ u) / np.exp(x @ u).sum()
            p = _softmax(x @ w.T)[:, y]
            q = {
                "soft": np.log(_softmax(a @ x @ w.T)[y]),
                "hard": a @ np.log(p),
                "lvml": np.log(a @ p),
            }
            losses.append(-q[paradigm])
        return np.mean(losses)

    return loss


def _softmax(logits):
    return np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
