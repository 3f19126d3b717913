import numpy as np
import pytest

from attention_zoo import dynamics
from attention_zoo.dynamics.curve import Curve
from attention_zoo.dynamics.quadrature import NODES, WEIGHTS, Panels, gauss


@pytest.mark.parametrize("start", [(0.0, 0.0), (8.0, -3.0), (300.0, -3.0), (1.0, -400.0)])
@pytest.mark.parametrize("span", [0.0, 1e-200, 0.4, 4.0])
def test_panels_cover_the_span(start, span):
    panels = Panels(Curve(dynamics.get("hard"), 9.0, 3.0, *start), span)
    assert panels.left[0] == 0.0 and (panels.width >= 0).all()
    np.testing.assert_allclose(panels.left[1:], (panels.left + panels.width)[:-1], rtol=1e-13)
    assert panels.left[-1] + panels.width[-1] == pytest.approx(span, rel=1e-13, abs=0)


def test_nodes_are_gausss_on_every_panel():
    panels = Panels(Curve(dynamics.get("soft"), 9.0, 3.0), np.array([1.0, 4.0]))
    nodes = panels.nodes()
    assert nodes.shape == (len(panels.left), len(NODES), 2)
    np.testing.assert_allclose(nodes[1, :, 1], panels.left[1, 1] + panels.width[1, 1] * NODES)
    assert np.sum(panels.width * np.tensordot(WEIGHTS, nodes, (0, 1)), axis=0) == pytest.approx(
        [0.5, 8.0], rel=1e-13
    )


def test_from_0_panels_are_equal():
    panels = Panels(Curve(dynamics.get("soft"), 9.0, 3.0), 0.9)
    np.testing.assert_allclose(panels.width, 0.9 / len(panels.width), rtol=1e-8)


@pytest.mark.parametrize("start", [(9.0, 0.0), (50.0, -5.0), (400.0, -40.0)])
def test_where_nu_runs_ahead_panels_are_as_short_as_its_steps(start):
    """No panel has nu change by more than 1.4; of equal panels the first would by more than 7."""
    curve = Curve(dynamics.get("hard"), 1e4, 2.0, *start)
    panels = Panels(curve, 6.0)
    nu = curve.nu(np.append(panels.left, 6.0))
    assert np.diff(nu).max() < 1.4
    assert np.diff(curve.nu(np.linspace(0, 6, len(nu)))).max() > 7


@pytest.mark.parametrize("n", [4, 12])
def test_gauss_is_exact_for_polynomials(n):
    nodes, weights = gauss(n)
    for degree in range(2 * n):
        assert weights @ nodes**degree == pytest.approx(1 / (degree + 1), rel=1e-13)
