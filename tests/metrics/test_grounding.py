import itertools

import numpy as np
import pytest

from attention_zoo.metrics import word_diversity, word_entropy


def test_attention_that_stands_still():
    a, there = np.full((1, 3, 8), 1 / 8), np.ones((1, 3), bool)
    np.testing.assert_allclose(word_entropy(a, there), np.log(8))
    np.testing.assert_allclose(word_diversity(a, there), 0.0, atol=1e-12)


def test_attention_that_never_comes_back():
    a, there = np.eye(4)[None], np.ones((1, 4), bool)
    np.testing.assert_array_equal(word_entropy(a, there), 0.0)
    np.testing.assert_array_equal(word_diversity(a, there), 1.0)


def test_diversity_is_the_mean_over_pairs():
    rng = np.random.default_rng(0)
    a = rng.dirichlet(np.ones(6), (2, 5))
    there = np.arange(5) < np.array([[5], [3]])
    for i, count in enumerate([5, 3]):
        pairs = itertools.combinations(a[i, :count], 2)
        distances = [1 - np.minimum(x, y).sum() for x, y in pairs]
        assert word_diversity(a, there)[i] == pytest.approx(np.mean(distances))
        distance = np.abs(a[i, 0] - a[i, 1]).sum() / 2  # total variation
        assert distances[0] == pytest.approx(distance)


def test_padding_changes_nothing():
    rng = np.random.default_rng(0)
    a = rng.dirichlet(np.ones(6), (3, 5))
    there = np.broadcast_to(np.arange(5) < 4, (3, 5))
    for figure in (word_entropy, word_diversity):
        np.testing.assert_allclose(figure(a, there), figure(a[:, :4], there[:, :4]))


def test_captions_too_short_are_not_known():
    a = np.full((3, 2, 4), 1 / 4)
    there = np.array([[0, 0], [1, 0], [1, 1]], bool)
    np.testing.assert_array_equal(np.isnan(word_entropy(a, there)), [True, False, False])
    np.testing.assert_array_equal(np.isnan(word_diversity(a, there)), [True, True, False])


def test_shapes_must_agree():
    message = r"^attention has shape \(2, 3, 4\), words have shape \(2, 4\), expected \(n, T, R\)"
    for figure in (word_entropy, word_diversity):
        with pytest.raises(ValueError, match=message):
            figure(np.zeros((2, 3, 4)), np.zeros((2, 4), bool))
