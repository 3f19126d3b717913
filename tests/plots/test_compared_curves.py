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


def test_twelve_runs_can_be_told_apart():
    assert len({str(line_style(number)) for number in range(12)}) == 12


def test_a_figure_without_curves_is_refused():
    with pytest.raises(ValueError, match="2 runs without accuracy, expected one with it"):
        compared_curves([None, None], title="accuracy")
