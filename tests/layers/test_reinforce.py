import functools

import numpy as np
import pytest
from keras import ops

from attention_zoo.layers import ReinforceAttention

N, M, C = 20_000, 4, 3
SCORES = np.array([0.5, -1.0, 1.2, 0.3], "float32")
LOGITS = np.random.default_rng(3).normal(scale=2.0, size=(M, C)).astype("float32")
LABEL = 1


@pytest.fixture
def estimates(gradients_of):
    return functools.partial(_estimates, gradients_of)


def _estimates(gradients_of, attention):
    """N gradients of the loss of one example: for its scores (n, m) and logits (n, m, c).

    The segments are their logits: classifier weights follow from these by the chain rule.
    """

    def loss(scores, logits):
        q, _ = attention.class_scores(lambda x: x, logits, scores, training=True)
        return -ops.sum(q[:, LABEL])

    found = gradients_of(loss, np.tile(SCORES, (N, 1)), np.tile(LOGITS, (N, 1, 1)))
    return [gradient.astype("float64") for gradient in found[1:]]


@pytest.fixture
def exact(numpy_normalizers, central_differences):
    """The same gradients of the hard loss, by enumeration."""

    def gradients(name):
        def loss(s, logits):
            log_p = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
            return -numpy_normalizers[name](s[None])[0] @ log_p[:, LABEL]

        logits = LOGITS.astype("float64")
        d_scores = central_differences(lambda s: loss(s, logits), SCORES)
        return d_scores, central_differences(lambda x: loss(SCORES, x), logits)

    return gradients


def with_baseline(name, num_samples, **settings):
    """The moving average stands where a long training would have brought it."""
    attention = ReinforceAttention(name, num_samples, decay=0.0, seed=0, **settings)
    attention.observe([-1.0, -2.0])
    return attention


def z_scores(samples, expected):
    """(mean - expected) / standard error; 0 / 0 where nothing is random, and is 0."""
    error = samples.mean(axis=0) - expected
    # Central differences are good to 1e-8.
    standard_error = samples.std(axis=0) / np.sqrt(len(samples)) + 1e-7
    return error / standard_error


@pytest.mark.parametrize("name", ["softmax", "entmax15", "sparsemax"])
@pytest.mark.parametrize(
    ("baseline", "num_samples"),
    [("none", 1), ("none", 3), ("moving_average", 1), ("moving_average", 3), ("leave_one_out", 3)],
)
def test_mean_gradient_is_that_of_the_hard_loss(estimates, exact, baseline, num_samples, name):
    attention = with_baseline(baseline, num_samples, normalizer=name)
    z = [z_scores(x, y).ravel() for x, y in zip(estimates(attention), exact(name), strict=True)]
    # 16 numbers in each of 15 cases: the largest of 240 normal ones is about 2.9.
    assert np.abs(np.concatenate(z)).max() < 4


def test_mean_class_scores_are_those_of_the_hard_loss():
    q, a = ReinforceAttention("none", seed=0).class_scores(
        lambda x: x, np.tile(LOGITS, (N, 1, 1)), np.tile(SCORES, (N, 1)), training=True
    )
    log_p = LOGITS - np.log(np.exp(LOGITS).sum(axis=-1, keepdims=True))
    q, a = map(ops.convert_to_numpy, (q, a))
    assert np.abs(z_scores(q, a[0] @ log_p)).max() < 4


def test_leave_one_out_has_less_variance_than_no_baseline(estimates):
    variance = {
        name: estimates(with_baseline(name, 3))[0].var(axis=0).sum()
        for name in ("none", "leave_one_out")
    }
    assert variance["leave_one_out"] < 0.8 * variance["none"]


def test_one_sample_by_hand(estimates):
    """grad = grad log p_z + (log p_z - B) grad log a_z, with the z that was drawn."""
    attention = with_baseline("moving_average", 1)  # B = -1.5
    d_scores, d_logits = estimates(attention)
    z = np.abs(d_logits).sum(axis=2).argmax(axis=1)  # only z was read
    log_p = LOGITS - np.log(np.exp(LOGITS).sum(axis=-1, keepdims=True))
    a = np.exp(SCORES) / np.exp(SCORES).sum()
    expected = -(log_p[z, LABEL] + 1.5)[:, None] * (np.eye(M)[z] - a)
    np.testing.assert_allclose(d_scores, expected, atol=1e-5)
    np.testing.assert_allclose(
        d_logits, -np.eye(M)[z][..., None] * (np.eye(C)[LABEL] - np.exp(log_p)), atol=1e-5
    )


def test_layer_call_passes_no_gradient_to_the_scores(gradients_of):
    attention = ReinforceAttention(seed=0)
    _, gradient = gradients_of(
        lambda s: ops.sum(attention(LOGITS[None], s, training=True)[0]), SCORES[None]
    )
    np.testing.assert_array_equal(gradient, 0.0)


def test_weights_are_the_frequencies_of_the_samples():
    attention = ReinforceAttention("none", num_samples=5, seed=0)
    average, w = attention(np.tile(LOGITS, (8, 1, 1)), np.tile(SCORES, (8, 1)), training=True)
    w = ops.convert_to_numpy(w)
    np.testing.assert_allclose(5 * w, np.round(5 * w), atol=1e-6)
    np.testing.assert_allclose(np.sum(w, axis=1), 1.0, atol=1e-6)
    np.testing.assert_allclose(average, w @ LOGITS, atol=1e-5)


def test_reads_only_the_drawn_segments():
    sizes = []

    def classify(x):
        sizes.append(x.shape[0])
        return x

    attention = ReinforceAttention("none", num_samples=2, seed=0)
    attention.class_scores(classify, LOGITS[None], SCORES[None], training=True)
    attention.class_scores(classify, LOGITS[None], SCORES[None], training=False)
    assert sizes == [2, 1]


def test_moving_average_follows_the_batch_means():
    attention, expected = ReinforceAttention(decay=0.9), 0.0
    for rewards in ([-1.0, -3.0], [-4.0], [0.0, 0.0, -3.0]):
        attention.observe(rewards)
        expected = 0.9 * expected + 0.1 * np.mean(rewards)
        np.testing.assert_allclose(attention.moving_average, expected, rtol=1e-6)


def test_focus_classifier_tells_the_moving_average(focus_classifier, segments, labels, tmp_path):
    model = focus_classifier(ReinforceAttention(decay=0.8, seed=0))
    model.compile("sgd", metrics=[], run_eagerly=True)
    loss = model.train_on_batch(segments, labels)
    np.testing.assert_allclose(model.attention.moving_average, -0.2 * loss, rtol=1e-5)
    model.test_on_batch(segments, labels)  # tells nothing
    np.testing.assert_allclose(model.attention.moving_average, -0.2 * loss, rtol=1e-5)
    model.save_weights(tmp_path / "model.weights.h5")
    twin = focus_classifier(ReinforceAttention())
    twin.load_weights(tmp_path / "model.weights.h5")
    assert twin.attention.moving_average.numpy() == model.attention.moving_average.numpy()


def test_number_of_samples_may_come_from_numpy():
    assert type(ReinforceAttention(num_samples=np.int64(2)).get_config()["num_samples"]) is int


def test_config():
    settings = {"baseline": "leave_one_out", "num_samples": 3, "decay": 0.5, "seed": 7}
    twin = ReinforceAttention.from_config(ReinforceAttention(**settings).get_config())
    assert {name: getattr(twin, name) for name in settings} == settings


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"baseline": "mean"}, r"baseline is 'mean', expected one of .*'leave_one_out'"),
        ({"num_samples": 0}, r"num_samples is 0, expected 1 or more"),
        ({"num_samples": 1.5}, r"num_samples is 1.5, expected an integer"),
        ({"num_samples": "2"}, r"num_samples is '2', expected an integer"),
        ({"decay": "0.5"}, r"decay is '0.5', expected a number in \[0, 1\)"),
        ({"baseline": "leave_one_out"}, r"num_samples is 1, expected 2 or more"),
        ({"decay": 1.0}, r"decay is 1.0, expected a number in \[0, 1\)"),
        ({"decay": -0.1}, r"decay is -0.1, expected a number in \[0, 1\)"),
    ],
)
def test_bad_settings_raise(settings, message):
    with pytest.raises(ValueError, match=message):
        ReinforceAttention(**settings)


@pytest.mark.parametrize("rewards", [np.zeros(0), [np.nan, -1.0], [-np.inf]])
def test_the_moving_average_stays_where_nothing_can_be_learnt(rewards):
    """A replica without examples; a step that loss scaling skips."""
    attention = ReinforceAttention(decay=0.9)
    attention.observe([-1.0, -3.0])
    before = float(attention.moving_average)
    attention.observe(np.asarray(rewards, "float32"))
    assert float(attention.moving_average) == before != 0.0
