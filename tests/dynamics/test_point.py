import numpy as np
import pytest

from attention_zoo import dynamics


def test_the_drive_is_the_loss_that_more_focus_would_save(paradigm):
    """Up to h/2 times the second derivative."""
    h, mu, a = 1e-6, np.array([0.5, 3.0, 9.0]), np.array([[0.2], [0.6]])
    one = dynamics.get(paradigm)
    difference = (one.loss(mu, a, 4) - one.loss(mu, a + h, 4)) / h
    found = dynamics.drive(paradigm, mu=mu, attention=a, num_classes=4)
    np.testing.assert_allclose(found, difference, rtol=1e-4)


def test_drive_to_focus_of_soft_fades_and_of_hard_grows():
    """Along fixed focus: the signature."""
    times = np.geomspace(0.1, 1e4, 60)
    drives = {
        name: dynamics.drive(
            name,
            mu=dynamics.fixed_focus(name, attention=0.6, num_classes=3, times=times),
            attention=0.6,
            num_classes=3,
        )
        for name in ("soft", "hard")
    }
    peak = drives["soft"].argmax()
    assert 0 < peak < 59 and drives["soft"][-1] < 0.05 * drives["soft"][peak]
    assert (np.diff(drives["hard"]) > 0).all()
    assert drives["hard"][-1] == pytest.approx(np.log(3), rel=1e-3)


def test_score_gap_and_time_are_those_of_the_trajectory(paradigm):
    setting = {"num_segments": 50, "num_classes": 10}
    flow = dynamics.trajectory(paradigm, **setting, times=np.geomspace(1e-3, 1e7, 40))
    np.testing.assert_allclose(
        dynamics.score_gap(paradigm, mu=flow.mu, **setting), flow.nu, rtol=1e-13
    )
    np.testing.assert_allclose(
        dynamics.time_to(paradigm, mu=flow.mu, **setting), flow.times, rtol=1e-11
    )


def test_arguments_broadcast(paradigm):
    times = dynamics.time_to(
        paradigm, mu=[0.0, 1.0, 30.0], num_segments=[[2], [1e6]], num_classes=[[3], [1000]]
    )
    assert times.shape == (2, 3)
    assert (times[:, 0] == 0).all()
    alone = dynamics.time_to(paradigm, mu=30.0, num_segments=1e6, num_classes=1000)
    assert times[1, 2] == pytest.approx(alone, rel=1e-12)
