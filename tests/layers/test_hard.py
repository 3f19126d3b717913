import numpy as np
import pytest
from scipy.special import log_softmax

from attention_zoo.layers import HardAttention
from attention_zoo.ops import NORMALIZERS

EACH_NORMALIZER = pytest.mark.parametrize("name", NORMALIZERS)


@pytest.fixture
def oracle(numpy_normalizers):
    """q = sum_j a_j log p_j by enumeration of the segments, in float64."""

    def q(name, scores, segments, kernel):
        a = numpy_normalizers[name](scores)
        m = a.shape[1]
        return sum(a[:, [j]] * log_softmax(segments[:, j] @ kernel, axis=-1) for j in range(m))

    return q


@EACH_NORMALIZER
def test_class_scores_and_gradients(
    oracle, central_differences, step, segments, scores, kernel, labels, name
):
    segments, kernel = segments.astype("float64"), kernel.astype("float64")

    def loss(s, w):
        return -oracle(name, s, segments, w)[np.arange(len(labels)), labels].sum()

    run = step(HardAttention(normalizer=name), *as_float32(scores, segments, kernel), labels)
    np.testing.assert_allclose(run.q, oracle(name, scores, segments, kernel), atol=1e-5)
    d_scores = central_differences(lambda s: loss(s, kernel), scores)
    d_kernel = central_differences(lambda w: loss(scores, w), kernel)
    np.testing.assert_allclose(run.d_scores, d_scores, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(run.d_kernel, d_kernel, rtol=1e-4, atol=1e-5)


def as_float32(*arrays):
    return [x.astype("float32") for x in arrays]


def test_known_value():
    """Half of log 1/2 and half of log 1/4, not the log of a mean."""
    logits = np.log([[[0.5, 0.5], [0.25, 0.75]]]).astype("float32")
    q, a = HardAttention().class_scores(lambda x: x, logits, np.zeros((1, 2)))
    np.testing.assert_allclose(a, [[0.5, 0.5]], rtol=1e-6)
    np.testing.assert_allclose(q[0, 0], 1.5 * np.log(0.5), rtol=1e-6)


def test_class_scores_are_not_renormalised(step, segments, scores, kernel, labels):
    q = step(HardAttention(), scores, segments, kernel, labels).q
    assert (np.exp(q).sum(axis=1) < 0.999).all()


def test_row_without_segments_adds_nothing(
    step, assert_steps_agree, segments, scores, kernel, labels
):
    mask = np.arange(6)[:, None] < np.full(4, 5)  # the last row
    run = step(HardAttention(), scores, segments, kernel, labels, mask)
    np.testing.assert_array_equal(run.q[-1], 0.0)
    without = step(HardAttention(), scores[:-1], segments[:-1], kernel, labels[:-1])
    run = run._replace(q=run.q[:-1], a=run.a[:-1], d_scores=run.d_scores[:-1])
    assert_steps_agree(run, without)
