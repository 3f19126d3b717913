import numpy as np
import pytest

from attention_zoo.models import FocusClassifier
from attention_zoo.models.networks.linear import linear_networks


@pytest.mark.parametrize("segment_shape", [(4,), (2, 3, 1)])
def test_start_at_zero_without_biases(segment_shape):
    focus, classifier = linear_networks(segment_shape, 5)
    features = np.prod(segment_shape)
    assert [w.shape for w in focus.get_weights()] == [(features, 1)]
    assert [w.shape for w in classifier.get_weights()] == [(features, 5)]
    for network in (focus, classifier):
        np.testing.assert_array_equal(network.get_weights()[0], 0.0)


def test_are_the_matrix_products_of_the_theory():
    rng = np.random.default_rng(0)
    focus, classifier = linear_networks((2, 3), 5)
    u, w = rng.normal(size=(6, 1)), rng.normal(size=(6, 5))
    focus.set_weights([u])
    classifier.set_weights([w])
    x = rng.normal(size=(7, 2, 3))
    np.testing.assert_allclose(focus(x), x.reshape(7, 6) @ u, atol=1e-5)
    np.testing.assert_allclose(classifier(x), x.reshape(7, 6) @ w, atol=1e-5)


@pytest.mark.parametrize("attention", ["soft", "hard", "lvml"])
def test_first_loss_is_that_of_a_guess(attention):
    """At the start attention is even and every class as likely."""
    model = FocusClassifier(*linear_networks((4,), 5), attention)
    output = model(np.ones((2, 3, 4), "float32"), training=True)
    np.testing.assert_allclose(output["label"], -np.log(5), rtol=1e-6)
    np.testing.assert_allclose(output["focus"], 1 / 3, rtol=1e-6)
