"""Spearman's correlation, against SciPy's."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from attention_zoo import metrics


def test_is_spearmans_of_the_segments_that_are_there():
    rng = np.random.default_rng(0)
    a, b = rng.random((6, 7)), rng.integers(4, size=(6, 7)).astype(float)  # b with ties
    mask = np.arange(7) < np.array([7, 7, 6, 5, 4, 3])[:, None]
    found = metrics.rank_correlation(a, b, mask)
    for i in range(6):
        assert found[i] == pytest.approx(spearmanr(a[i, mask[i]], b[i, mask[i]]).statistic)


def test_same_order_is_one_and_the_reverse_minus_one():
    a = np.array([[0.1, 0.2, 0.7]])
    assert metrics.rank_correlation(a, a**3) == [1.0]
    assert metrics.rank_correlation(a, -a) == [-1.0]


def test_one_segment_or_one_weight_has_no_order():
    a = np.array([[0.5, 0.5], [0.3, 0.7]])
    b = np.array([[0.1, 0.9], [0.2, 0.8]])
    mask = np.array([[True, True], [True, False]])
    assert np.isnan(metrics.rank_correlation(a, b, mask)).all()


def test_shapes_are_checked():
    with pytest.raises(ValueError, match=r"shapes \(1, 2\) and \(1, 3\)"):
        metrics.rank_correlation(np.ones((1, 2)), np.ones((1, 3)))
