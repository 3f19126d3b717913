import numpy as np
import pytest

from attention_zoo import dynamics
from attention_zoo.dynamics.clock import Clock


@pytest.mark.parametrize("start", [(0.0, 0.0), (3.0, -2.0), (0.5, 9.0)])
@pytest.mark.parametrize(("m", "c"), [(2.0, 2.0), (100.0, 1000.0), (1e6, 3.0)])
def test_it_inverts_the_duration(paradigm, m, c, start):
    """At every distance from the start; 1e-10, but of mu - start its first digits are lost."""
    curve = dynamics.Curve(dynamics.get(paradigm), m, c, *start)
    mu = start[0] + np.geomspace(1e-5, 12.0, 50)
    times = curve.duration(mu)
    found = Clock(curve, times[-1]).margin(times)
    np.testing.assert_allclose(found - start[0], mu - start[0], rtol=1e-9)
    np.testing.assert_allclose(found, mu, rtol=1e-10)


def test_it_goes_on_until_the_latest_time():
    """Soft attention is ahead of what a held at 1 would give: more than the first span."""
    curve = dynamics.Curve(dynamics.get("soft"), 5.0, 3.0)
    for latest in (0.0, 1e-9, 1.0, 1e3, 1e12):
        found = Clock(curve, latest).margin(np.array([0.0, latest]))
        assert found[0] == 0.0
        assert curve.duration(found[1]) == pytest.approx(latest, rel=1e-11, abs=0)
