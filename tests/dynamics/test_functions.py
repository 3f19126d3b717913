import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attention_zoo.dynamics.functions import (
    gap_of,
    increasing_root,
    inverse_linexp,
    linexp,
    rest,
    share,
)


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


@given(st.floats(-280, 2.8), st.floats(0, 9))
def test_inverse_is_exact_to_rounding_at_every_size(log_x, log_n):
    """From 1e-280 to 630, where e^x is about to overflow; 2e-15: 10 roundings."""
    x, n = 10.0**log_x, 10.0**log_n
    assert inverse_linexp(linexp(x, n), n) == pytest.approx(x, rel=2e-15, abs=0)


@pytest.mark.parametrize("n", [1.0, 3.0, 1e3, 1e6])
def test_inverse_is_exact_where_its_formulas_meet(n):
    x = np.geomspace(1e-8, 600, 2_000)
    np.testing.assert_allclose(inverse_linexp(linexp(x, n), n), x, rtol=2e-15)


@given(st.floats(-500, 0), st.floats(0, 9))
def test_inverse_of_negative_values(x, log_n):
    """-5e-16: at x = 0 the sum of equal and opposite roundings is not 0."""
    n = 10.0**log_n
    assert inverse_linexp(linexp(x, n), n) == pytest.approx(x, rel=4e-15, abs=5e-16)


def test_arrays_broadcast():
    x, n = np.linspace(0, 5, 4), np.array([[1.0], [99.0]])
    np.testing.assert_allclose(inverse_linexp(linexp(x, n), n), np.broadcast_to(x, (2, 4)))


def test_huge_values():
    """x is log(n y) but for a share of log(y)/y."""
    assert inverse_linexp(1e300, 4.0) == pytest.approx(np.log(4.0) + 300 * np.log(10), rel=1e-14)


def test_many_roots_at_once():
    target = np.array([0.0, 1e-30, 2.0, 1e6])
    found = increasing_root(np.expm1, np.exp, target, 0.0, 50.0)
    np.testing.assert_allclose(found, np.log1p(target), rtol=1e-15)


def test_where_newtons_method_alone_runs_away():
    """arctan from 3 diverges."""
    found = increasing_root(np.arctan, lambda x: 1 / (1 + x**2), -0.5, -3.0, 3.0)
    np.testing.assert_allclose(found, np.tan(-0.5), rtol=1e-15)


def test_where_the_slope_is_nought_at_the_start():
    root = increasing_root(lambda x: x**3, lambda x: 3 * x**2, np.array([0.0, 8.0]), 0.0, 5.0)
    np.testing.assert_allclose(root, [0.0, 2.0], rtol=1e-15)
