import numpy as np
import pytest

from attention_zoo import dynamics

TIMES = np.array([0.0, 3.0, 40.0, 50.0, 51.0, 400.0, 1e5])


@pytest.mark.parametrize(("m", "c"), [(5, 3), (20, 20), (1e4, 2), (100, 1000)])
@pytest.mark.parametrize(("first", "second"), [("soft", "hard"), ("lvml", "soft")])
@pytest.mark.parametrize("start", [(0.0, 0.0), (1.5, -2.0), (20.0, -1.0)])
def test_it_agrees_with_the_solver(m, c, first, second, start):
    """The solver's path of the first until 50, then its path of the second from there."""
    setting = {"num_segments": m, "num_classes": c}
    solver = {"method": "DOP853", "tolerance": 1e-13}
    early = dynamics.integrate(
        first, **setting, **solver, times=np.append(TIMES[:4], 50.0), start=start
    )
    switched = early.mu[-1], early.nu[-1]
    late = dynamics.integrate(second, **setting, **solver, times=TIMES[4:] - 50, start=switched)
    found = dynamics.hybrid(
        switch_time=50, **setting, times=TIMES, start=start, first=first, second=second
    )
    for name in ("mu", "nu", "attention", "probability"):
        expected = np.append(getattr(early, name)[:-1], getattr(late, name))
        np.testing.assert_allclose(getattr(found, name), expected, rtol=1e-10, atol=1e-13)


def test_a_switch_in_the_far_future_agrees_with_the_solver():
    """By 1e12 mu is above 20, and hard's nu moves before mu does."""
    setting = {"num_segments": 5, "num_classes": 3}
    before = dynamics.trajectory("soft", **setting, times=1e12)
    later = np.geomspace(1e-2, 1e12, 15)
    solved = dynamics.integrate(
        "hard",
        **setting,
        times=later,
        start=(before.mu, before.nu),
        method="DOP853",
        tolerance=1e-13,
    )
    found = dynamics.hybrid(switch_time=1e12, **setting, times=1e12 + later)
    seen = later > 1e3  # 1e12 + 0.01 is not what it says
    np.testing.assert_allclose(found.mu[seen], solved.mu[seen], rtol=1e-10)
    np.testing.assert_allclose(found.nu[seen], solved.nu[seen], rtol=1e-10)


def test_a_switch_at_0_is_the_second_alone_and_one_too_late_the_first():
    setting = {"num_segments": 5, "num_classes": 3, "times": TIMES}
    never = dynamics.hybrid(switch_time=[[0.0], [2e5]], **setting)
    for row, name in enumerate(("hard", "soft")):
        alone = dynamics.trajectory(name, **setting)
        np.testing.assert_allclose(never.mu[row], alone.mu, rtol=1e-13)
        np.testing.assert_allclose(never.nu[row], alone.nu, rtol=1e-13)


def test_a_paradigm_switched_to_itself_is_itself(paradigm):
    setting = {"num_segments": 20, "num_classes": 20, "times": np.geomspace(0.1, 1e6, 50)}
    alone = dynamics.trajectory(paradigm, **setting)
    hybrid = dynamics.hybrid(switch_time=200.0, **setting, first=paradigm, second=paradigm)
    np.testing.assert_allclose(hybrid.mu, alone.mu, rtol=1e-12)
    np.testing.assert_allclose(hybrid.nu, alone.nu, rtol=1e-12)
