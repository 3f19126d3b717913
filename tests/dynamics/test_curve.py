import numpy as np
import pytest
from scipy.integrate import quad

from attention_zoo import dynamics

STARTS = [(0.0, 0.0), (2.0, 0.5), (1.0, -3.0), (4.0, 6.0)]


@pytest.fixture(params=STARTS, ids=str)
def curve(request, paradigm):
    return dynamics.Curve(dynamics.get(paradigm), 20.0, 7.0, *request.param)


def test_it_goes_through_its_start(curve):
    start = next(s for s in STARTS if s[0] == curve.mu)
    assert curve.nu(curve.mu) == pytest.approx(start[1], abs=1e-14)


def test_its_direction_is_that_of_the_velocity(curve):
    mu, h = curve.mu + np.linspace(0.1, 6, 7), 1e-5
    mu_rate, nu_rate = curve.paradigm.velocity(mu, curve.nu(mu), 20.0, 7.0)
    slope = (curve.nu(mu + h) - curve.nu(mu - h)) / (2 * h)
    np.testing.assert_allclose(slope, nu_rate / mu_rate, rtol=1e-6)
    np.testing.assert_allclose(curve.pace(mu), 1 / mu_rate, rtol=1e-12)
    mu_rate, nu_rate = curve.paradigm.velocity(curve.mu, curve.nu(curve.mu), 20.0, 7.0)
    assert curve.slope == pytest.approx(nu_rate / mu_rate, rel=1e-12)


def test_duration_is_the_integral_of_pace(curve):
    for further in (1e-9, 0.3, 5.0):
        end = curve.mu + further
        expected = quad(curve.pace, curve.mu, end, epsabs=0, epsrel=1e-12, limit=200)[0]
        assert curve.duration(end) == pytest.approx(expected, rel=1e-11)
    assert curve.duration(curve.mu) == 0.0
    assert curve.duration(501.0) == np.inf


def test_margin_is_the_inverse_of_nu(curve):
    mu = curve.mu + np.array([0.2, 1.0, 9.0])
    np.testing.assert_allclose(curve.margin(curve.nu(mu)), mu, rtol=1e-12)
    assert curve.margin(curve.nu(curve.mu) - 1.0) == curve.mu
