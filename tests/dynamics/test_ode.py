import numpy as np
import pytest

from attention_zoo import dynamics


@pytest.mark.parametrize(("m", "c"), [(5, 3), (100, 1000)])
def test_the_implicit_solver_agrees_with_the_explicit_and_the_closed_form(paradigm, m, c):
    setting = {"num_segments": m, "num_classes": c, "times": np.geomspace(1.0, 1e6, 7)}
    implicit = dynamics.integrate(paradigm, **setting, tolerance=1e-10)
    explicit = dynamics.integrate(paradigm, **setting, method="DOP853")
    closed = dynamics.trajectory(paradigm, **setting)
    for other in (explicit, closed):
        np.testing.assert_allclose(implicit.mu, other.mu, rtol=1e-8)
        np.testing.assert_allclose(implicit.nu, other.nu, rtol=1e-8)


def test_times_in_any_order_and_more_than_once(paradigm):
    setting = {"num_segments": 5, "num_classes": 3, "method": "DOP853"}
    found = dynamics.integrate(paradigm, **setting, times=[9.0, 0.0, 4.0, 9.0])
    alone = dynamics.integrate(paradigm, **setting, times=[4.0, 9.0])
    np.testing.assert_allclose(found.mu[[2, 0]], alone.mu, rtol=1e-9)
    assert found.mu[1] == 0.0 and found.mu[0] == found.mu[3]


def test_time_0_and_no_time(paradigm):
    setting = {"num_segments": 5, "num_classes": 3, "start": (1.0, -2.0)}
    for times in (0, [0.0, 0.0], []):
        found = dynamics.integrate(paradigm, **setting, times=times)
        assert found.mu.shape == np.shape(times)
        assert (found.mu == 1.0).all() and (found.nu == -2.0).all()


def test_from_the_wrong_side_mu_comes_back(paradigm):
    """Closed forms take no start where the wrong class is ahead."""
    found = dynamics.integrate(
        paradigm, num_segments=5, num_classes=3, times=[0, 1e4], start=(-1.0, 1.0)
    )
    assert found.mu[0] == -1.0 and found.mu[1] > 5
