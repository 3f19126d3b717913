import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from attention_zoo import dynamics
from attention_zoo.dynamics.functions import linexp

NAMES = st.sampled_from(["soft", "hard", "lvml"])
COUNTS = st.floats(np.log10(2), 6).map(lambda x: max(2.0, 10.0**x))
TIMES = st.floats(-12, 12).map(lambda x: 10.0**x)


@pytest.mark.parametrize(
    ("m", "c", "time", "paradigm", "mu", "nu"),
    [
        (5, 3, 1e3, "soft", "7.3520", "4.0414"),
        (5, 3, 1e3, "hard", "6.8471", "7.2072"),
        (5, 3, 1e3, "lvml", "6.8649", "6.7204"),
        (20, 20, 1e3, "soft", "6.3140", "5.5431"),
        (20, 20, 1e3, "hard", "5.7568", "6.8121"),
        (20, 20, 1e3, "lvml", "6.3294", "6.1630"),
        (100, 1000, 4e5, "soft", "12.6492", "8.8588"),
        (100, 1000, 4e5, "hard", "12.4681", "12.1112"),
        (100, 1000, 4e5, "lvml", "12.6628", "10.3532"),
    ],
)
def test_known_values(m, c, time, paradigm, mu, nu):
    """Found by a solver elsewhere; all digits that are printed."""
    found = dynamics.trajectory(paradigm, num_segments=m, num_classes=c, times=time)
    assert (f"{found.mu:.4f}", f"{found.nu:.4f}") == (mu, nu)


@pytest.mark.parametrize("m", [2, 5, 20, 100, 1e4])
@pytest.mark.parametrize("c", [2, 3, 20, 1000])
def test_closed_forms_agree_with_the_solver(paradigm, m, c):
    """1e-10: what the solver keeps at tolerance 1e-13."""
    setting = {"num_segments": m, "num_classes": c, "times": np.geomspace(1e-2, 1e6, 17)}
    closed = dynamics.trajectory(paradigm, **setting)
    solved = dynamics.integrate(paradigm, **setting, method="DOP853", tolerance=1e-13)
    for name in ("mu", "nu", "attention", "probability"):
        np.testing.assert_allclose(getattr(closed, name), getattr(solved, name), rtol=1e-10)


@settings(max_examples=60)
@given(NAMES, COUNTS, COUNTS, TIMES)
@example("lvml", 1e3, 562341.3251903491, 10.0**8.625)  # where mu sets off
def test_the_derivative_is_the_velocity(paradigm, m, c, time):
    """By central differences of fourth order."""
    h, setting = 1e-4, {"num_segments": m, "num_classes": c}
    times = time * (1 + h * np.arange(-2, 3))
    flow = dynamics.trajectory(paradigm, **setting, times=times)
    rates = dynamics.velocity(paradigm, mu=flow.mu[2], nu=flow.nu[2], **setting)
    for x, rate in zip((flow.mu, flow.nu), rates):
        derivative = (8 * (x[3] - x[1]) - (x[4] - x[0])) / (12 * h * time)
        assert derivative == pytest.approx(rate, rel=2e-7, abs=0)


@settings(max_examples=60)
@given(NAMES, COUNTS, COUNTS, TIMES)
def test_time_and_place_agree(paradigm, m, c, time):
    """The quadrature up to mu(t) gives t, and nu(t) is on the curve, at every size."""
    setting = {"num_segments": m, "num_classes": c}
    found = dynamics.trajectory(paradigm, **setting, times=time)
    assert dynamics.time_to(paradigm, mu=found.mu, **setting) == pytest.approx(time, rel=1e-10)
    conserved = dynamics.get(paradigm).conserved(found.mu, c)
    assert linexp(found.nu, m - 1) == pytest.approx(conserved, rel=1e-13, abs=0)
    for share, least in ((found.attention, 1 / m), (found.probability, 1 / c)):
        assert least * (1 - 1e-14) <= share <= 1


@settings(max_examples=40)
@given(NAMES, COUNTS, COUNTS)
def test_the_beginning_keeps_its_digits(paradigm, m, c):
    """mu = t/(m C) and nu = K (m-1)/m mu^2/(2 C), but for a share of mu (1e-11 here)."""
    mu = 1e-11 * 10.0 ** -np.arange(0, 100, 7.0)
    found = dynamics.trajectory(paradigm, num_segments=m, num_classes=c, times=mu * m * c)
    np.testing.assert_allclose(found.mu, mu, rtol=1e-10)
    np.testing.assert_allclose(found.nu, (c - 1) / c * (m - 1) / m * mu**2 / 2, rtol=1e-10)


@settings(max_examples=40)
@given(NAMES, COUNTS, COUNTS, st.floats(-9, 12))
def test_everything_grows(paradigm, m, c, log_end):
    times = np.concatenate([[0.0], np.geomspace(1e-12, 10.0**log_end, 300)])
    found = dynamics.trajectory(paradigm, num_segments=m, num_classes=c, times=times)
    assert found.mu[0] == found.nu[0] == 0.0
    for values in (found.mu, found.nu):
        assert (np.diff(values) > 0).all() and np.isfinite(values).all()


def test_the_conserved_relation_holds_along_the_solvers_path(paradigm):
    """F(nu) - G(mu) of a path that the solver found from a start of its own."""
    m, c = 10, 7
    for start in ((0.0, 0.0), (2.0, 1.0), (0.5, -1.0)):
        path = dynamics.integrate(
            paradigm,
            num_segments=m,
            num_classes=c,
            times=np.linspace(0, 500, 30),
            start=start,
            tolerance=1e-13,
            method="DOP853",
        )
        constant = linexp(path.nu, m - 1) - dynamics.get(paradigm).conserved(path.mu, c)
        np.testing.assert_allclose(constant, constant[0], atol=1e-10)


@pytest.mark.parametrize(
    "start",
    [(0.0, 3.0), (1.5, -2.0), (2, 5), (8, 0), (5.0, -9.0), (12, 14), (30, -5), (50, 0), (400, -5)],
)
@pytest.mark.parametrize(("m", "c"), [(5, 3), (100, 1000), (1e5, 2)])
def test_from_any_start(paradigm, start, m, c):
    setting = {"num_segments": m, "num_classes": c, "start": start}
    setting["times"] = np.concatenate([[0.0], np.geomspace(1e-2, 1e6, 9)])
    closed = dynamics.trajectory(paradigm, **setting)
    solved = dynamics.integrate(paradigm, **setting, method="DOP853", tolerance=1e-13)
    np.testing.assert_allclose(closed.mu, solved.mu, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(closed.nu, solved.nu, rtol=1e-9, atol=1e-11)


def test_attention_of_one_is_a_limit(paradigm):
    """From nu = 45, where a is 1 in float64, mu goes as with a held at 1."""
    times = np.geomspace(1e-3, 1e9, 30)
    held = dynamics.fixed_focus(paradigm, attention=1.0, num_classes=4, times=times)
    free = dynamics.trajectory(
        paradigm, num_segments=3, num_classes=4, times=times, start=(0.0, 45.0)
    )
    np.testing.assert_allclose(free.mu, held, rtol=1e-12)


def test_settings_broadcast(paradigm):
    m, c, times = np.array([[[5]], [[20]]]), np.array([[2], [3], [50]]), [0.0, 1e5, 7.0, 1e-3]
    together = dynamics.trajectory(paradigm, num_segments=m, num_classes=c, times=times)
    assert together.mu.shape == together.attention.shape == together.times.shape == (2, 3, 4)
    for i, j in np.ndindex(2, 3):
        alone = dynamics.trajectory(
            paradigm, num_segments=m[i, 0, 0], num_classes=c[j, 0], times=times
        )
        for name in ("times", "mu", "nu", "attention", "probability"):
            np.testing.assert_allclose(
                getattr(together, name)[i, j], getattr(alone, name), rtol=1e-15
            )


def test_one_time_and_no_time(paradigm):
    one = dynamics.trajectory(paradigm, num_segments=5, num_classes=3, times=2)
    assert one.mu.shape == one.nu.shape == ()
    none = dynamics.trajectory(paradigm, num_segments=5, num_classes=3, times=[])
    assert none.mu.shape == (0,)
    start = dynamics.trajectory(paradigm, num_segments=5, num_classes=4, times=0)
    assert start.mu == 0.0 and start.nu == 0.0
    assert start.attention == pytest.approx(1 / 5) and start.probability == pytest.approx(1 / 4)
