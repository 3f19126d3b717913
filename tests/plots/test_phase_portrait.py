import dataclasses

import numpy as np
import pytest
from matplotlib.image import imread

from attention_zoo import dynamics
from attention_zoo.plots import phase_portrait

TIMES = np.concatenate([[0.0], np.geomspace(0.01, 1e3, 80)])


def flow(name, times=TIMES):
    return dynamics.trajectory(name, num_segments=5, num_classes=3, times=times)


@pytest.fixture
def flows():
    return {name: flow(name) for name in ("soft", "hard", "lvml")}


def lines(ax):
    return {line.get_gid(): line for line in ax.lines}


def test_every_flow_is_drawn_in_the_plane_and_against_time(flows):
    plane, *panels = phase_portrait(flows).axes
    assert list(lines(plane)) == ["soft", "hard", "lvml"]
    for name, one in flows.items():
        np.testing.assert_array_equal(lines(plane)[name].get_data(), (one.mu, one.nu))
        for ax, figure in zip(panels, ("mu", "nu", "attention"), strict=True):
            drawn = lines(ax)[name].get_data()
            np.testing.assert_array_equal(drawn, (TIMES[1:], getattr(one, figure)[1:]))
            assert ax.get_xscale() == "log"


def test_time_begins_where_there_is_something_to_see(flows):
    """1 % of the way of mu and nu."""
    for ax in phase_portrait(flows).axes[1:]:
        begin, end = ax.get_xlim()
        assert 0.1 < begin < 10 and end == TIMES[-1]


@pytest.mark.parametrize("start", [(3, 2), (0, 4), (2, -3)])
def test_a_flow_may_have_a_start_of_its_own(start):
    """Its way counts from there."""
    one = dynamics.trajectory("hard", num_segments=5, num_classes=3, times=TIMES, start=start)
    still = dataclasses.replace(one, mu=0 * one.mu, nu=0 * one.nu)
    for ax in phase_portrait({"hard": one}).axes[1:]:
        assert 0.01 < ax.get_xlim()[0] < 100
    for ax in phase_portrait({"still": still}).axes[1:]:
        assert ax.get_xlim()[0] == 0.01


def test_measured_runs_are_points_of_the_flows_colour(flows):
    measured = {"hard": flows["hard"]}
    figure = phase_portrait(flows, measured)
    for ax, names in zip(
        figure.axes, (("mu", "nu"), ("times", "mu"), ("times", "nu"), ("times", "attention"))
    ):
        drawn = lines(ax)
        assert set(drawn) == {"soft", "hard", "lvml", "measured hard"}
        dots = drawn["measured hard"]
        assert dots.get_color() == drawn["hard"].get_color()
        assert dots.get_linestyle() == "None" and dots.get_marker() != "None"
        points = set(zip(*(getattr(flows["hard"], name) for name in names)))
        assert set(map(tuple, dots.get_xydata())) <= points and 10 < len(dots.get_xdata()) < 20
    texts = [text.get_text() for text in figure.legends[0].texts]
    assert texts == ["soft, theory", "hard, theory", "lvml, theory", "measured in training"]


def test_flows_differ_in_more_than_colour(flows):
    plane = phase_portrait(flows | {"hybrid": flows["soft"]}).axes[0]
    styles = [str(line.get_linestyle()) + str(line._dash_pattern) for line in plane.lines]
    assert len(set(styles)) == 4


def test_it_is_saved_900_pixels_wide(flows, tmp_path):
    phase_portrait(flows, flows).savefig(tmp_path / "portrait.png")
    assert imread(tmp_path / "portrait.png").shape[:2] == (740, 900)


def test_what_is_wrong_is_said(flows):
    soft = flows["soft"]
    for arguments, message in (
        (({},), "^flows has 0 names, expected 1 to 4$"),
        (({str(i): soft for i in range(5)},), "^flows has 5 names, expected 1 to 4$"),
        ((flows, {"LVML": soft}), r"^measured has 'LVML', expected some of \['soft', 'hard', "),
        (({"soft": dataclasses.replace(soft, mu=soft.mu[1:])},), r"^soft has shapes {'times': \("),
        (({"soft": flow("soft", 3.0)},), r"^soft has shapes {'times': \(\)"),
    ):
        with pytest.raises(ValueError, match=message) as error:
            phase_portrait(*arguments)
        assert "\n" not in str(error.value)
