import numpy as np
import pytest

from attention_zoo import dynamics
from attention_zoo.dynamics.curve import Curve
from attention_zoo.dynamics.trajectory import Clock


@pytest.mark.parametrize("start", [(0.0, 0.0), (3.0, -2.0), (0.5, 9.0), (30.0, -5.0), (400.0, 3.0)])
@pytest.mark.parametrize(("m", "c"), [(2.0, 2.0), (100.0, 1000.0), (1e6, 3.0)])
def test_it_inverts_the_duration(paradigm, m, c, start):
    """At every distance from the start."""
    curve = Curve(dynamics.get(paradigm), m, c, *start)
    further = np.concatenate([np.geomspace(1e-180, 1e-6, 30), np.geomspace(1e-5, 12.0, 50)])
    times = curve.duration(further)
    np.testing.assert_allclose(Clock(curve, times[-1]).further(times), further, rtol=1e-10)


def test_it_goes_on_until_the_latest_time():
    """Soft attention is ahead of what a held at 1 would give: more than the first span."""
    curve = Curve(dynamics.get("soft"), 5.0, 3.0)
    for latest in (0.0, 1e-9, 1.0, 1e3, 1e12):
        found = Clock(curve, latest).further(np.array([0.0, latest]))
        assert found[0] == 0.0
        assert curve.duration(found[1]) == pytest.approx(latest, rel=1e-11, abs=0)
