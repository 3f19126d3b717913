import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from attention_zoo.dynamics.linexp import inverse_linexp, linexp


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
