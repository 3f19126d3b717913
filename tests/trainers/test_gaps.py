import numpy as np
import pytest

from attention_zoo.trainers.gaps import gaps


@pytest.mark.parametrize("attention", ["soft", "hybrid"])
def test_what_is_measured_of_weights_on_the_curve(linear, attention):
    """u = nu on every class, W = mu (1 - 1/C) on the diagonal; background is zero."""
    mu, nu, c = 1.7, 0.8, 3
    u, w = np.append(np.full(c, nu), 5.0), np.vstack([mu * (np.eye(c) - 1 / c), np.ones(c)])
    labels, focus = np.array([0, 1, 2, 2]), np.array([3, 0, 1, 2])
    segments = np.zeros((4, 4, c + 1), "float32")
    segments[np.arange(4), focus, labels] = 1.0
    found = gaps(linear(u, w, attention), segments, labels, focus)
    a, b = np.exp(nu) / (np.exp(nu) + 3), np.exp(mu) / (np.exp(mu) + 2)
    np.testing.assert_allclose(found, (mu, nu, a, b), rtol=1e-6)
