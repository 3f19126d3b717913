import numpy as np
import pytest
from matplotlib.image import imread

from attention_zoo import dynamics
from attention_zoo.plots import switch_map

M, C = [2, 20, 1000], [2, 50]


@pytest.fixture(scope="module")
def switch():
    return dynamics.best_switch(
        attention=0.9, mu=3.0, num_segments=np.array(M)[:, None], num_classes=C
    )


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_cells_have_the_time_and_what_it_saves(switch):
    figure = switch_map(switch, num_segments=M, num_classes=C)
    times, saved = figure.axes
    assert texts(times) == ["9.3", "220", "87", "1.5k", "3.6k", "64k"]
    share = 1 - switch.reached / np.minimum(switch.first, switch.second)
    assert texts(saved) == [f"{100 * s:.1f}%" for s in share.ravel()]
    np.testing.assert_allclose(saved.images[0].get_array(), 100 * share)
    for ax in figure.axes:
        assert [tick.get_text() for tick in ax.get_yticklabels()] == ["2", "20", "1000"]
        assert [tick.get_text() for tick in ax.get_xticklabels()] == ["2", "50"]


def test_a_switch_at_once_has_a_place_on_the_map(switch):
    """Time 0 has no logarithm."""
    at_once = dynamics.Switch(np.zeros((3, 2)), switch.second, switch.first, switch.second)
    times, saved = switch_map(at_once, num_segments=M, num_classes=C).axes
    assert texts(times) == ["0"] * 6
    assert np.isfinite(times.images[0].get_array()).all()


def test_a_goal_that_is_met_at_the_start_saves_nothing():
    met = dynamics.best_switch(attention=0.1, mu=0.0, num_segments=[[2], [5]], num_classes=[3])
    times, saved = switch_map(met, num_segments=[2, 5], num_classes=[3]).axes
    assert texts(times) == ["0", "0"] and texts(saved) == ["0.0%", "0.0%"]


def test_it_is_saved_900_pixels_wide(switch, tmp_path):
    switch_map(switch, num_segments=M, num_classes=C).savefig(tmp_path / "map.png")
    assert imread(tmp_path / "map.png").shape[1] == 900


def test_counts_that_do_not_fit_are_said(switch):
    with pytest.raises(ValueError, match=r"^switch has shape \(3, 2\), expected \(2, 3\)$"):
        switch_map(switch, num_segments=C, num_classes=M)
