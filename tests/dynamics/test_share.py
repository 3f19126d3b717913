import numpy as np
import pytest

from attention_zoo.dynamics.softmax_gap import gap_of, rest, share


@pytest.mark.parametrize("n", [2, 3, 1e6])
def test_share_is_a_softmax_of_one_against_equals(n):
    gap = np.linspace(-5, 30, 20)
    expected = np.exp(gap) / (np.exp(gap) + n - 1)
    np.testing.assert_allclose(share(gap, n), expected, rtol=1e-13)
    np.testing.assert_allclose(rest(gap, n), (n - 1) / (np.exp(gap) + n - 1), rtol=1e-13)
    np.testing.assert_allclose(gap_of(expected[:10], n), gap[:10], rtol=1e-9)


def test_equal_gaps_share_equally():
    assert share(0.0, 20) == pytest.approx(1 / 20, rel=1e-15)


def test_rest_keeps_its_digits_where_the_share_is_one():
    assert share(100.0, 5) == 1.0
    assert rest(100.0, 5) == pytest.approx(4 * np.exp(-100.0), rel=1e-13)
