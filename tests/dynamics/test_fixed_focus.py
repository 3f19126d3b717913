import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from attention_zoo import dynamics

NAMES = st.sampled_from(["soft", "hard", "lvml"])


@pytest.mark.parametrize("attention", [0.05, 0.2, 0.8, 1.0])
@pytest.mark.parametrize("c", [2, 3, 20, 1000])
def test_it_agrees_with_the_solver(paradigm, attention, c, printed_velocity):
    """nu that gives a with m = 2 is held; 1e-10: what the solver keeps."""
    nu = 40.0 if attention == 1 else np.log(attention / (1 - attention))
    times = np.geomspace(1e-2, 1e6, 15)
    solved = solve_ivp(
        lambda _, mu: printed_velocity(paradigm, mu, nu, 2, c)[0],
        (0, times[-1]),
        [0.0],
        "DOP853",
        rtol=1e-13,
        atol=1e-18,
        t_eval=times,
    )
    found = dynamics.fixed_focus(paradigm, attention=attention, num_classes=c, times=times)
    np.testing.assert_allclose(found, solved.y[0], rtol=1e-10)


@settings(max_examples=60)
@given(NAMES, st.floats(1e-3, 1), st.floats(np.log10(2), 6), st.floats(-12, 12))
def test_the_derivative_is_the_velocity(paradigm, attention, log_c, log_t):
    c, t, h = max(2.0, 10.0**log_c), 10.0**log_t, 1e-4
    before, mu, after = dynamics.fixed_focus(
        paradigm, attention=attention, num_classes=c, times=t * np.array([1 - h, 1, 1 + h])
    )
    expected = dynamics.get(paradigm).pull(mu, attention, c) / (c - 1)
    assert (after - before) / (2 * h * t) == pytest.approx(expected, rel=2e-7, abs=0)


@given(NAMES, st.floats(0.01, 1), st.floats(np.log10(2), 6))
def test_the_beginning_keeps_its_digits(paradigm, attention, log_c):
    """mu = a t/C, but for a share of mu."""
    c = max(2.0, 10.0**log_c)
    times = np.geomspace(1e-100, 1e-11, 10)
    found = dynamics.fixed_focus(paradigm, attention=attention, num_classes=c, times=times)
    np.testing.assert_allclose(found, attention * times / c, rtol=1e-10)


def test_under_full_attention_the_paradigms_agree():
    times = np.geomspace(1e-6, 1e12, 40)
    soft, hard, lvml = (
        dynamics.fixed_focus(name, attention=1, num_classes=7, times=times)
        for name in ("soft", "hard", "lvml")
    )
    np.testing.assert_allclose(soft, hard, rtol=1e-14)
    np.testing.assert_allclose(soft, lvml, rtol=1e-14)
    nearly = dynamics.fixed_focus("lvml", attention=1 - 1e-9, num_classes=7, times=times)
    np.testing.assert_allclose(nearly, lvml, rtol=1e-7)


def test_arguments_broadcast(paradigm):
    found = dynamics.fixed_focus(
        paradigm, attention=[[0.2], [1.0]], num_classes=5, times=[0, 1.0, 9]
    )
    assert found.shape == (2, 3)
    assert (found[:, 0] == 0).all()
    alone = dynamics.fixed_focus(paradigm, attention=0.2, num_classes=5, times=9)
    assert alone == pytest.approx(found[0, 2], rel=1e-15)
