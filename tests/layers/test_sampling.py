import keras
import numpy as np
import pytest
import scipy.stats

from attention_zoo.layers import GumbelAttention, ReinforceAttention
from attention_zoo.ops import NORMALIZERS

N, M = 20_000, 4
ROW = np.array([0.5, -1.0, 1.2, 0.3], "float32")
SAMPLERS = pytest.mark.parametrize(
    "sampler", [GumbelAttention, lambda **k: ReinforceAttention("none", **k)]
)


def drawn(attention, rows=N):
    """The sampled weights (rows, m) of `rows` examples with the scores ROW."""
    values = np.zeros((rows, M), "float32")
    w = attention(values, np.tile(ROW, (rows, 1)), training=True)[1]
    return keras.ops.convert_to_numpy(w)


@SAMPLERS
@pytest.mark.parametrize("name", NORMALIZERS)
def test_samples_have_the_frequencies_of_the_attention(numpy_normalizers, sampler, name):
    counts = drawn(sampler(normalizer=name, seed=0)).sum(axis=0)
    (a,) = numpy_normalizers[name](ROW[None])
    np.testing.assert_array_equal(counts[a == 0], 0.0)
    assert scipy.stats.chisquare(counts[a > 0], N * a[a > 0]).pvalue > 0.01


@SAMPLERS
def test_samples_of_one_example_and_the_next_are_independent(numpy_normalizers, sampler):
    assert_independent(
        *np.split(drawn(sampler(seed=0)), 2), *numpy_normalizers["softmax"](ROW[None])
    )


@SAMPLERS
def test_samples_of_one_call_and_the_next_are_independent(numpy_normalizers, sampler):
    attention = sampler(seed=0)
    assert_independent(drawn(attention), drawn(attention), *numpy_normalizers["softmax"](ROW[None]))


def test_several_samples_of_one_example_are_independent(numpy_normalizers):
    """Both draws hit segment j with probability a_j^2, segments j and k with 2 a_j a_k."""
    w = 2 * drawn(ReinforceAttention("none", num_samples=2, seed=0))
    (a,) = numpy_normalizers["softmax"](ROW[None])
    first, second = np.triu_indices(M)
    counts = [
        np.sum((w == np.eye(M)[j] + np.eye(M)[k]).all(1))
        for j, k in zip(first, second, strict=True)
    ]
    expected = N * np.where(first == second, 1, 2) * a[first] * a[second]
    assert scipy.stats.chisquare(counts, expected).pvalue > 0.01


def assert_independent(first, second, a):
    counts = first.T @ second  # (m, m): how often j and then k
    expected = len(first) * np.outer(a, a)
    assert scipy.stats.chisquare(counts.ravel(), expected.ravel()).pvalue > 0.01


@SAMPLERS
def test_seed_decides_the_samples(sampler):
    samples = drawn(sampler(seed=1), 50)
    np.testing.assert_array_equal(drawn(sampler(seed=1), 50), samples)
    assert (drawn(sampler(seed=2), 50) != samples).any()
    assert (drawn(sampler(), 50) != drawn(sampler(), 50)).any()  # random seeds


@SAMPLERS
def test_inference_takes_the_argmax_and_draws_nothing(sampler):
    attention = sampler(seed=1)
    state = np.array(attention.seed_generator.state)
    _, w = attention(np.zeros((1, M)), ROW[None], training=False)
    np.testing.assert_array_equal(w, [np.eye(M)[ROW.argmax()]])
    np.testing.assert_array_equal(attention.seed_generator.state, state)
