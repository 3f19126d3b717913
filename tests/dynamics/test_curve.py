import numpy as np
import pytest
from scipy.integrate import quad

from attention_zoo import dynamics
from attention_zoo.dynamics.curve import Curve
from attention_zoo.dynamics.functions import linexp

STARTS = [(0.0, 0.0), (2.0, 0.5), (1.0, -3.0), (4.0, 6.0)]


@pytest.fixture(params=STARTS, ids=str)
def start(request):
    return request.param


@pytest.fixture
def curve(start, paradigm):
    return Curve(dynamics.get(paradigm), 20.0, 7.0, *start)


def test_it_goes_through_its_start(curve, start):
    assert curve.nu(0.0) == pytest.approx(start[1], abs=1e-14)


def test_its_direction_is_that_of_the_velocity(curve, start):
    further, h = np.linspace(0.1, 6, 7), 1e-5
    mu = start[0] + further
    mu_rate, nu_rate = curve.paradigm.velocity(mu, curve.nu(further), 20.0, 7.0)
    slope = (curve.nu(further + h) - curve.nu(further - h)) / (2 * h)
    np.testing.assert_allclose(slope, nu_rate / mu_rate, rtol=1e-6)
    np.testing.assert_allclose(curve.pace(further), 1 / mu_rate, rtol=1e-12)


def test_its_digits_hold_however_little_mu_has_moved(curve):
    """nu - nu_0 = dnu/dmu further, but for a share of `further`."""
    _, nu = start = curve.mu, curve.nu(0.0)
    mu_rate, nu_rate = curve.paradigm.velocity(*start, 20.0, 7.0)
    further = np.array([1e-9, 1e-8])
    np.testing.assert_allclose(curve.nu(further) - nu, nu_rate / mu_rate * further, atol=4e-15)


def test_where_mu_is_large_nu_moves_before_it_does(paradigm):
    """From mu = 50 hard's nu comes from -5 to -4 while mu moves by 5e-22: a line, F + G'."""
    curve = Curve(dynamics.get(paradigm), 5.0, 3.0, 50.0, -5.0)
    slope = {"soft": 100 / 3, "hard": np.log(3) / 3 * np.exp(50), "lvml": 2 / 9 * np.exp(50)}
    expected = linexp(-5.0, 4.0) + slope[paradigm] * 5e-22
    assert linexp(curve.nu(5e-22), 4.0) == pytest.approx(expected, rel=1e-13)


def test_duration_is_the_integral_of_pace(curve):
    for further in (1e-9, 0.3, 5.0):
        expected = quad(curve.pace, 0.0, further, epsabs=0, epsrel=1e-12, limit=200)[0]
        assert curve.duration(further) == pytest.approx(expected, rel=1e-11)
    assert curve.duration(0.0) == 0.0
    assert curve.duration(501.0) == np.inf


def test_further_is_the_inverse_of_nu(curve):
    further = np.array([0.2, 1.0, 9.0])
    np.testing.assert_allclose(curve.further(curve.nu(further)), further, rtol=1e-12)
    assert curve.further(curve.nu(0.0) - 1.0) == 0.0
