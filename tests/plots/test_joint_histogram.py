import numpy as np
import pytest
from matplotlib.image import imread

from attention_zoo.plots import joint_histogram


@pytest.mark.parametrize("unit", [1, 1 / 400])
def test_cells_show_percentages(unit):
    counts = np.zeros((5, 5))
    counts[0, 4], counts[3, 1] = 100, 300
    (ax,) = joint_histogram(counts * unit).axes
    cells = {tuple(np.round(t.get_position(), 6)): t.get_text() for t in ax.texts}
    assert len(cells) == 25
    assert cells[0.9, 0.1] == "25.0%"  # a_z in [0, 0.2), p_y in [0.8, 1]
    assert cells[0.3, 0.7] == "75.0%"
    assert list(cells.values()).count("0.0%") == 23
    np.testing.assert_allclose(ax.images[0].get_array(), counts / 400)
    assert ax.images[0].get_extent() == [0, 1, 0, 1] and ax.images[0].origin == "lower"


def test_one_in_many_is_not_nothing_and_the_truth_is_named():
    counts = np.diag([1, 0, 9999])
    (ax,) = joint_histogram(counts, truth="the rationale").axes
    texts = [text.get_text() for text in ax.texts]
    assert texts.count("<0.1%") == 1 and texts.count("0.0%") == 7
    assert ax.get_ylabel().startswith("attention on the rationale")


@pytest.mark.parametrize("bins", [1, 3, 10])
def test_any_number_of_bins(bins):
    (ax,) = joint_histogram(np.eye(bins)).axes
    cells = {tuple(np.round(t.get_position(), 6)): t.get_text() for t in ax.texts}
    centres = np.round((np.arange(bins) + 0.5) / bins, 6)
    assert len(cells) == bins**2
    assert all(cells[x, x] == f"{1 / bins:.1%}" for x in centres)
    np.testing.assert_allclose(ax.get_xticks(), np.arange(bins + 1) / bins)


def test_axes_are_named_and_ticked_at_the_bin_edges(tmp_path):
    figure = joint_histogram(np.eye(5))
    (ax,) = figure.axes
    np.testing.assert_allclose(ax.get_xticks(), [0, 0.2, 0.4, 0.6, 0.8, 1])
    np.testing.assert_allclose(ax.get_yticks(), [0, 0.2, 0.4, 0.6, 0.8, 1])
    assert ax.get_ylabel().startswith("attention on the true segment")
    assert ax.get_xlabel().startswith("probability of the true label")
    figure.savefig(tmp_path / "joint.png")
    assert imread(tmp_path / "joint.png").shape[:2] == (480, 520)


@pytest.mark.parametrize(
    ("histogram", "message"),
    [
        (np.ones((5, 4)), r"histogram has shape \(5, 4\), expected \(bins, bins\)"),
        (np.ones(4), r"histogram has shape \(4,\), expected \(bins, bins\)"),
        (np.ones((0, 0)), r"histogram has shape \(0, 0\), expected \(bins, bins\)"),
        (np.zeros((5, 5)), "histogram has values 0 to 0, expected counts"),
        (-np.ones((5, 5)), "histogram has values -1 to -1, expected counts"),
        (np.full((5, 5), np.nan), "histogram has values nan to nan, expected counts"),
    ],
)
def test_bad_histogram_raises_one_line(histogram, message):
    with pytest.raises(ValueError, match=message) as error:
        joint_histogram(histogram)
    assert "\n" not in str(error.value)
