import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import log_softmax, logsumexp, softmax

from attention_zoo.layers import HardAttention, LVMLAttention
from attention_zoo.ops import NORMALIZERS

EACH_NORMALIZER = pytest.mark.parametrize("name", NORMALIZERS)


@pytest.fixture
def oracle(numpy_normalizers):
    """q = log sum_j a_j p_j as it stands, in float64."""

    def q(name, scores, segments, kernel):
        p = np.exp(log_softmax(segments @ kernel, axis=-1))  # (b, m, c)
        return np.log(np.einsum("bm,bmc->bc", numpy_normalizers[name](scores), p))

    return q


@EACH_NORMALIZER
def test_class_scores_and_gradients(
    oracle, central_differences, step, segments, scores, kernel, labels, name
):
    def loss(s, w):
        x = segments.astype("float64")
        return -oracle(name, s, x, w)[np.arange(len(labels)), labels].sum()

    run = step(LVMLAttention(normalizer=name), scores, segments, kernel, labels)
    np.testing.assert_allclose(run.q, oracle(name, scores, segments, kernel), atol=1e-5)
    d_scores = central_differences(lambda s: loss(s, kernel), scores)
    d_kernel = central_differences(lambda w: loss(scores, w), kernel)
    np.testing.assert_allclose(run.d_scores, d_scores, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(run.d_kernel, d_kernel, rtol=1e-4, atol=1e-5)


def test_class_scores_are_log_probabilities(step, segments, scores, kernel, labels):
    q = step(LVMLAttention(), scores, segments, kernel, labels).q
    np.testing.assert_allclose(np.exp(q).sum(axis=1), 1.0, atol=1e-5)


def test_gradient_is_that_of_the_m_step(
    central_differences, step, segments, scores, kernel, labels
):
    """EM: - sum_j r_j (log a_j + log p_j(y)) with the responsibilities r_j held fixed."""

    def joint(s, w):  # log a_j + log p_j(y), (b, m)
        log_p = log_softmax(segments.astype("float64") @ w, axis=-1)
        return log_softmax(s, axis=-1) + log_p[np.arange(len(labels)), :, labels]

    r = softmax(joint(scores.astype("float64"), kernel), axis=-1)
    run = step(LVMLAttention(), scores, segments, kernel, labels)
    d_scores = central_differences(lambda s: -(r * joint(s, kernel)).sum(), scores)
    d_kernel = central_differences(lambda w: -(r * joint(scores, w)).sum(), kernel)
    np.testing.assert_allclose(run.d_scores, d_scores, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(run.d_kernel, d_kernel, rtol=1e-4, atol=1e-5)


FLOATS = st.floats(-50, 50, width=32)


@EACH_NORMALIZER
@settings(max_examples=20)
@given(
    scores=arrays("float32", (4, 3), elements=FLOATS),
    logits=arrays("float32", (4, 3, 3), elements=FLOATS),
)
def test_loss_is_never_above_the_hard_loss(name, scores, logits):
    """Jensen's inequality, up to the rounding of numbers of up to 100."""
    lvml, _ = LVMLAttention(normalizer=name).class_scores(lambda x: x, logits, scores)
    hard, _ = HardAttention(normalizer=name).class_scores(lambda x: x, logits, scores)
    assert np.all(keras.ops.convert_to_numpy(lvml - hard) >= -1e-4)


@pytest.mark.parametrize(
    ("scores", "log_p"),
    [
        ([0.0, 0.0, 0.0], [-1e3, -1e3, -1e3]),
        ([200.0, 0.0, 0.0], [-1.0, -2.0, -3.0]),
        ([200.0, 0.0, 0.0], [-1e3, -1.0, -1e3]),  # the likely segment has attention e^-200
        ([200.0, 0.0, -200.0], [-1e3, -700.0, -500.1]),
        ([-1e4, 1e4, 0.0], [-1.0, -1e3, -500.0]),
    ],
)
def test_stable_far_out(gradients_of, scores, log_p):
    """Where exp underflows, the loss is right, and its gradient the responsibilities'."""
    logits = np.array([[[0.0, -x] for x in log_p]], "float32")  # log p_j(0) = log_p to float32
    loss, d_scores, d_logits = gradients_of(
        lambda s, logits: -LVMLAttention().class_scores(lambda x: x, logits, s)[0][0, 0],
        np.array([scores], "float32"),
        logits,
    )
    logits = logits[0].astype("float64")  # (m, 2)
    joint = log_softmax(np.array(scores)) + log_softmax(logits, axis=-1)[:, 0]
    r, a, p = softmax(joint), softmax(np.array(scores)), softmax(logits, axis=-1)
    np.testing.assert_allclose(loss, -logsumexp(joint), rtol=1e-6)
    # float32 holds joint to 1e-4 where it is about 1e3, and r to as much.
    np.testing.assert_allclose(d_scores[0], a - r, atol=1e-4)
    np.testing.assert_allclose(d_logits[0], -r[:, None] * (np.eye(2)[0] - p), atol=1e-4)


def test_row_without_segments_adds_nothing(
    step, assert_steps_agree, segments, scores, kernel, labels
):
    mask = np.arange(6)[:, None] < np.full(4, 5)  # the last row
    run = step(LVMLAttention(), scores, segments, kernel, labels, mask)
    np.testing.assert_array_equal(run.q[-1], 0.0)
    without = step(LVMLAttention(), scores[:-1], segments[:-1], kernel, labels[:-1])
    run = run._replace(q=run.q[:-1], a=run.a[:-1], d_scores=run.d_scores[:-1])
    assert_steps_agree(run, without)
