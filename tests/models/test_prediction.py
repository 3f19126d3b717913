import keras
import numpy as np
import pytest

from attention_zoo.models import prediction

WAYS = sorted(prediction.WAYS)
# Class scores: sums of five and six terms of a size up to 4 and two softmaxes, 20 roundings.
ATOL = 20 * 4 * 2.0**-23


@pytest.fixture
def classify():
    """A network of three classes that is not linear."""
    return keras.Sequential([keras.layers.Dense(5, activation="tanh"), keras.layers.Dense(3)])


@pytest.fixture
def segments():
    return np.random.default_rng(0).normal(size=(4, 6, 2)).astype("float32")


@pytest.mark.parametrize("way", WAYS)
def test_probabilities_sum_to_one(classify, segments, way):
    a = np.random.default_rng(1).dirichlet(np.ones(6), size=4).astype("float32")
    log_p = prediction.WAYS[way](classify, segments, a)
    assert log_p.shape == (4, 3)
    np.testing.assert_allclose(
        np.exp(keras.ops.convert_to_numpy(log_p)).sum(axis=-1), 1.0, atol=ATOL
    )


def test_all_ways_agree_on_one_hot_attention(classify, segments):
    chosen = np.array([5, 0, 2, 2])
    expected = keras.ops.log_softmax(classify(segments[np.arange(4), chosen]))
    for way in WAYS:
        log_p = prediction.WAYS[way](classify, segments, np.eye(6, dtype="float32")[chosen])
        np.testing.assert_allclose(log_p, expected, atol=ATOL)


def test_marginal_is_above_the_average_log_likelihood(classify, segments):
    """Jensen: log sum_j a_j p_j >= sum_j a_j log p_j, for every class."""
    a = np.full((4, 6), 1 / 6, dtype="float32")
    log_p = keras.ops.convert_to_numpy(
        keras.ops.log_softmax(classify(segments.reshape(24, 2)))
    ).reshape(4, 6, 3)
    marginal = keras.ops.convert_to_numpy(prediction.marginal(classify, segments, a))
    assert np.all(marginal > log_p.mean(axis=1))


def test_marginal_of_no_segments_is_uniform(classify, segments):
    a = np.repeat(np.float32([[0.0], [1 / 6]]), 2, axis=0) * np.ones(6, "float32")
    log_p = keras.ops.convert_to_numpy(prediction.marginal(classify, segments, a))
    np.testing.assert_allclose(log_p[:2], -np.log(3), rtol=1e-6)
    np.testing.assert_allclose(np.exp(log_p).sum(axis=1), 1.0, atol=ATOL)


def test_argmax_takes_the_first_of_equal_weights(classify, segments):
    a = np.tile(np.float32([0.1, 0.4, 0.4, 0.1, 0, 0]), (4, 1))
    expected = keras.ops.log_softmax(classify(segments[:, 1]))
    log_p = prediction.argmax(classify, segments, a)
    np.testing.assert_allclose(log_p, expected, atol=ATOL)
