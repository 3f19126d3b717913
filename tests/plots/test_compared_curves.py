import numpy as np
import pytest

from attention_zoo.plots import compared_curves
from attention_zoo.plots.compared_curves import line_style


def test_every_run_has_its_line_and_one_without_has_none():
    curves = [([1, 2], [0.5, 0.6]), None, ([1, 2, 3], [0.1, 0.2, 0.3])]
    (ax,) = compared_curves(curves, title="accuracy", percent=True).axes
    assert [line.get_gid() for line in ax.lines] == ["run-0", "run-2"]
    for line, curve in zip(ax.lines, (curves[0], curves[2])):
        np.testing.assert_array_equal(line.get_data(), curve)
    assert [line.get_color() for line in ax.lines] == [line_style(i)["color"] for i in (0, 2)]


def test_twenty_four_runs_can_be_told_apart_and_four_without_colours():
    assert len({str(line_style(number)) for number in range(24)}) == 24
    assert len({line_style(number)["dashes"] for number in range(4)}) == 4


def test_a_ring_is_at_the_kept_epoch_of_each_run_that_has_one():
    curves = [([1, 2], [0.5, 0.6]), ([1, 2, 3], [0.1, 0.2, 0.3]), ([1, 2], [0.0, 0.1])]
    (ax,) = compared_curves(curves, title="loss", kept=[2, None, 9]).axes
    rings = {
        line.get_gid(): line.get_xydata().tolist() for line in ax.lines if line.get_ls() == "None"
    }
    assert rings == {"kept-0": [[2, 0.6]]}  # nor one where there is no value


def test_of_many_runs_those_that_are_named_have_styles_and_the_others_are_grey():
    curves = [([1, 2], [0.1 * number] * 2) for number in range(5)]
    (ax,) = compared_curves(curves, title="loss", kept=[1] * 5, named=[3, 0]).axes
    drawn = {line.get_gid(): line for line in ax.lines}
    assert [drawn[f"run-{i}"].get_color() for i in (3, 0)] == [
        line_style(i)["color"] for i in (0, 1)
    ]
    (grey,) = {drawn[f"run-{i}"].get_color() for i in (1, 2, 4)}
    assert grey not in {line_style(i)["color"] for i in range(24)}
    assert [gid for gid in drawn if gid.startswith("kept")] == ["kept-0", "kept-3"]


def test_a_figure_without_curves_is_refused():
    with pytest.raises(ValueError, match="2 runs without accuracy, expected one with it"):
        compared_curves([None, None], title="accuracy")
