import numpy as np
import pytest

from attention_zoo.models.captioning.additive_scores import AdditiveScores


@pytest.fixture
def features():
    return np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")


@pytest.fixture
def state():
    """Three states for each of two images."""
    return np.random.default_rng(1).normal(size=(6, 5)).astype("float32")


def test_is_its_formula(features, state):
    layer = AdditiveScores(7)
    scores = layer(features, state)
    w, e, u, v = (x.numpy().astype("float64") for x in layer.weights)
    x = np.repeat(features, 3, axis=0)  # (6, 4, 3)
    expected = (np.tanh(x @ w + e + (state @ u)[:, None]) @ v)[..., 0]
    np.testing.assert_allclose(scores, expected, atol=1e-5)


def test_regions_may_be_projected_once(features, state):
    layer = AdditiveScores(7)
    expected = layer(features, state)
    np.testing.assert_array_equal(layer.compare(layer.project(features), state), expected)
