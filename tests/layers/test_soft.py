import numpy as np
import pytest
from scipy.special import log_softmax

from attention_zoo.layers import SoftAttention
from attention_zoo.ops import NORMALIZERS

EACH_NORMALIZER = pytest.mark.parametrize("name", NORMALIZERS)


@pytest.fixture
def oracle(numpy_normalizers):
    """q = log softmax((sum_j a_j x_j) W), in float64."""

    def q(name, scores, segments, kernel):
        context = np.einsum("bm,bmd->bd", numpy_normalizers[name](scores), segments)
        return log_softmax(context @ kernel, axis=-1)

    return q


@EACH_NORMALIZER
def test_class_scores_and_gradients(
    oracle, central_differences, step, segments, scores, kernel, labels, name
):
    def loss(s, w):
        return -oracle(name, s, segments, w)[np.arange(len(labels)), labels].sum()

    run = step(SoftAttention(normalizer=name), scores, segments, kernel, labels)
    np.testing.assert_allclose(run.q, oracle(name, scores, segments, kernel), atol=1e-5)
    d_scores = central_differences(lambda s: loss(s, kernel), scores)
    d_kernel = central_differences(lambda w: loss(scores, w), kernel)
    np.testing.assert_allclose(run.d_scores, d_scores, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(run.d_kernel, d_kernel, rtol=1e-4, atol=1e-5)


def test_class_scores_are_log_probabilities(step, segments, scores, kernel, labels):
    q = step(SoftAttention(), scores, segments, kernel, labels).q
    np.testing.assert_allclose(np.exp(q).sum(axis=1), 1.0, atol=1e-5)


def test_classifies_once(segments, scores):
    sizes = []

    def classify(x):
        sizes.append(x.shape[0])
        return x

    SoftAttention().class_scores(classify, segments, scores)
    assert sizes == [len(segments)]
