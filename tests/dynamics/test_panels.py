import numpy as np
import pytest

from attention_zoo import dynamics
from attention_zoo.dynamics.gauss import NODES, WEIGHTS
from attention_zoo.dynamics.panels import Panels


@pytest.mark.parametrize("start", [(0.0, 0.0), (8.0, -3.0)])
def test_the_map_covers_the_span_and_has_the_slope_it_says(start):
    panels = Panels(dynamics.Curve(dynamics.get("hard"), 9.0, 3.0, *start), 4.0)
    s, h = np.linspace(0.1, 0.9, 5), 1e-6
    np.testing.assert_allclose(panels.mu(np.array([0.0, 1.0])) - start[0], [0.0, 4.0], rtol=1e-14)
    difference = (panels.mu(s + h) - panels.mu(s - h)) / (2 * h)
    np.testing.assert_allclose(panels.slope(s), difference, rtol=1e-7)


def test_from_0_the_map_is_a_line():
    panels = Panels(dynamics.Curve(dynamics.get("soft"), 9.0, 3.0), 4.0)
    s = np.linspace(0, 1, 5)
    np.testing.assert_allclose(panels.mu(s), 4 * s, rtol=1e-8)


def test_where_nu_runs_ahead_panels_are_as_short_as_its_steps():
    """No panel has nu change by more than 1.1; of equal panels the first would by 7."""
    curve = dynamics.Curve(dynamics.get("hard"), 1e4, 2.0, 9.0, 0.0)
    panels = Panels(curve, 6.0)
    nu = curve.nu(panels.mu(np.arange(panels.count + 1) / panels.count))
    assert np.diff(nu).max() < 1.1
    equal = curve.nu(9.0 + 6.0 * np.arange(panels.count + 1) / panels.count)
    assert np.diff(equal).max() > 7


def test_gauss_is_exact_for_polynomials():
    for degree in range(24):
        assert WEIGHTS @ NODES**degree == pytest.approx(1 / (degree + 1), rel=1e-13)
