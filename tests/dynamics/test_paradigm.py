import numpy as np
import pytest
from scipy.integrate import quad

from attention_zoo import dynamics

MU, A = np.linspace(0.0, 12.0, 7)[:, None], np.array([0.05, 0.3, 0.9, 1.0])


def of_networks(mu, nu, c):
    """Weights u and W that give these gaps."""
    return np.full(c, nu), mu * (np.eye(c) - 1 / c)


@pytest.mark.parametrize(("m", "c"), [(2, 2), (5, 3), (4, 7)])
@pytest.mark.parametrize(("mu", "nu"), [(0.0, 0.0), (0.7, 0.4), (3.0, 2.0), (1.0, -1.0)])
def test_the_loss_is_that_of_the_networks(paradigm, m, c, mu, nu, network_loss):
    a = np.exp(nu) / (np.exp(nu) + m - 1)
    expected = network_loss(paradigm, *of_networks(mu, nu, c), m)
    assert dynamics.get(paradigm).loss(mu, a, c) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize(("m", "c"), [(2, 2), (5, 3), (4, 7)])
def test_the_velocity_is_the_gradient_of_the_networks(
    paradigm, m, c, network_loss, central_differences
):
    """All weights move by minus the gradient of the mean loss; the gaps follow."""
    mu, nu = 1.3, 0.6
    u, w = of_networks(mu, nu, c)
    u_rate = -central_differences(lambda u: network_loss(paradigm, u, w, m), u)
    w_rate = -central_differences(lambda w: network_loss(paradigm, u, w, m), w)
    gaps = np.diag(w_rate) - w_rate  # [k, y]: right y above wrong k, on an example of class y
    expected = gaps[~np.eye(c, dtype=bool)].mean(), u_rate.mean()
    found = dynamics.get(paradigm).velocity(mu, nu, m, c)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("c", [2, 3, 1000])
def test_pull_and_drive_are_derivatives_of_the_loss(paradigm, c):
    one, h = dynamics.get(paradigm), 1e-5
    pull = (one.loss(MU - h, A, c) - one.loss(MU + h, A, c)) / (2 * h)
    np.testing.assert_allclose(one.pull(MU, A, c), pull, rtol=1e-6, atol=1e-9)
    drive = (one.loss(MU, A - h, c) - one.loss(MU, A + h, c)) / (2 * h)
    np.testing.assert_allclose(one.drive(MU, A, c), drive, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("m", [2, 20, 1e4])
@pytest.mark.parametrize("c", [2, 3, 1000])
def test_the_velocity_is_as_printed(paradigm, m, c, printed_velocity):
    """The printed b/Z - 1 of LVML cancels near mu = 0 and a = 1: not nearer, and 1e-9."""
    mu, nu = np.linspace(0.1, 20, 9)[:, None], np.linspace(-2, 8, 7)
    found = dynamics.velocity(paradigm, mu=mu, nu=nu, num_segments=m, num_classes=c)
    for mine, printed in zip(found, printed_velocity(paradigm, mu, nu, m, c)):
        np.testing.assert_allclose(mine, printed, rtol=1e-9, atol=1e-18)


@pytest.mark.parametrize("c", [2, 3, 20, 1000, 1e6])
def test_conserved_is_the_integral_of_its_slope(paradigm, c):
    one = dynamics.get(paradigm)
    for mu in (1e-6, 0.3, 0.499, 0.501, 0.99, 1.01, 2.0, 9.0, 25.0):
        pieces = np.linspace(0, mu, 6)
        expected = sum(
            quad(one.conserved_slope, low, high, args=(c,), epsabs=0, epsrel=1e-13)[0]
            for low, high in zip(pieces, pieces[1:])
        )
        assert one.conserved(mu, c) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("c", [2, 3, 1000])
def test_conserved_slope_is_dF_by_dmu_at_any_attention(paradigm, c, printed_velocity):
    """F'(nu) nu' / mu', with F'(nu) = 1 + e^nu / (m - 1)."""
    m, mu = 7, np.linspace(0.1, 10, 9)[:, None]
    nu = np.array([-1.0, 0.0, 2.0, 5.0])
    mu_rate, nu_rate = printed_velocity(paradigm, mu, nu, m, c)
    expected = (1 + np.exp(nu) / (m - 1)) * nu_rate / mu_rate
    found = np.broadcast_to(dynamics.get(paradigm).conserved_slope(mu, c), expected.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize("c", [2, 3, 1000, 1e6])
def test_conserved_keeps_its_digits_near_0(paradigm, c):
    """K mu^2 / (2 C), but for a share of mu."""
    mu = np.array([1e-150, 1e-20, 1e-12])
    expected = (c - 1) / c * mu**2 / 2
    np.testing.assert_allclose(dynamics.get(paradigm).conserved(mu, c), expected, rtol=1e-11)


def test_conserved_of_hard_is_the_printed_antiderivative():
    """A(mu) - A(0) over C, with Li2 as the sum of its series (|argument| <= 1/2)."""

    def li2(z):
        return sum(z**k / k**2 for k in range(1, 60))

    def antiderivative(s, c):
        e, k = np.exp(s), c - 1
        total = np.log(c) * (e + k * s) + (s - 1) * e + k * s**2 / 2
        total -= (e + k) * np.log(e + k) - (e + k)
        return total - k * (s * np.log(k) - li2(-e / k))

    for c, mu in ((20, 1.5), (1000, 4.0), (30, 0.8)):
        expected = (antiderivative(mu, c) - antiderivative(0.0, c)) / c
        assert dynamics.get("hard").conserved(mu, c) == pytest.approx(expected, rel=1e-11)


def test_paradigms_agree_under_full_attention():
    """With a = 1 there is one segment, and nothing to average."""
    losses = [dynamics.get(name).loss(MU, 1.0, 5) for name in ("soft", "hard", "lvml")]
    for other in losses[1:]:
        np.testing.assert_allclose(losses[0], other, rtol=1e-14)


def test_hard_loss_is_above_lvml_loss():
    """Jensen's inequality."""
    hard, lvml = (dynamics.get(name).loss(MU[1:], A[:3], 5) for name in ("hard", "lvml"))
    assert (hard > lvml).all()
