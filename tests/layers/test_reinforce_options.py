"""ReinforceAttention: the self-critical baseline and the bonus for entropy."""

import numpy as np
import pytest
from keras import ops

from attention_zoo.layers import ReinforceAttention

COUNT, M, C, LABEL = 20_000, 4, 3, 1
SCORES = np.array([0.5, -1.0, 1.2, 0.3], "float32")
LOGITS = np.random.default_rng(3).normal(scale=2.0, size=(M, C)).astype("float32")


@pytest.fixture
def gradient(gradients_of):
    """(attention, count=COUNT) -> estimates of the loss's gradient for the scores, (count, m)."""

    def estimates(attention, count=COUNT):
        def loss(scores):
            logits = np.tile(LOGITS, (count, 1, 1))
            q, _ = attention.class_scores(lambda x: x, logits, scores, training=True)
            return -ops.sum(q[:, LABEL])

        return gradients_of(loss, np.tile(SCORES, (count, 1)))[1]

    return estimates


def log_p():
    return LOGITS[:, LABEL] - np.log(np.exp(LOGITS).sum(axis=1))


def softmax(s):
    return np.exp(s) / np.exp(s).sum()


@pytest.mark.parametrize("num_samples", [1, 2])
def test_self_critical_gradient_is_unbiased(gradient, central_differences, num_samples):
    samples = gradient(ReinforceAttention("self_critical", num_samples, seed=0))
    exact = central_differences(lambda s: -softmax(s) @ log_p(), SCORES)
    z = (samples.mean(axis=0) - exact) / (samples.std(axis=0) / np.sqrt(COUNT))
    assert np.abs(z).max() < 3.5  # 4 numbers


def test_the_most_attended_segment_is_the_baseline(gradient):
    """A sample that is the most attended segment itself tells nothing."""
    samples = gradient(ReinforceAttention("self_critical", seed=0), count=200)
    a = softmax(SCORES)
    advantage = log_p() - log_p()[SCORES.argmax()]
    possible = -advantage[:, None] * (np.eye(M) - a)  # one row for each segment drawn
    distance = np.abs(samples[:, None] - possible).max(axis=2)
    assert distance.min(axis=1).max() < 1e-5
    assert np.any(np.all(np.abs(samples) < 1e-5, axis=1))


def test_entropy_bonus_is_added_to_the_gradient_alone(gradient, central_differences):
    plain, bonus = (ReinforceAttention("none", entropy_bonus=share, seed=0) for share in (0.0, 0.7))
    difference = gradient(bonus, 10) - gradient(plain, 10)

    def entropy(s):
        return -softmax(s) @ np.log(softmax(s))

    expected = -0.7 * central_differences(entropy, SCORES)
    np.testing.assert_allclose(difference, np.tile(expected, (10, 1)), atol=1e-5)
    arguments = lambda x: x, LOGITS[None], SCORES[None]
    one, other = (layer.class_scores(*arguments, training=True)[0] for layer in (plain, bonus))
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_config_and_bad_settings():
    layer = ReinforceAttention("self_critical", entropy_bonus=0.1)
    twin = ReinforceAttention.from_config(layer.get_config())
    assert (twin.baseline, twin.entropy_bonus) == ("self_critical", 0.1)
    with pytest.raises(ValueError, match=r"entropy_bonus is -1, expected a number of 0 or more"):
        ReinforceAttention(entropy_bonus=-1)
