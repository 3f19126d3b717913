import numpy as np
import pytest

from attention_zoo.plots import breakdown

CELLS = ("FTPT", "FFPT", "FTPF", "FFPF")


@pytest.fixture
def columns():
    shares = np.random.default_rng(0).dirichlet(np.ones(4), 6)
    return {"epoch": np.arange(1, 7), **{f"val_{c}": shares[:, i] for i, c in enumerate(CELLS)}}


def areas(figure):
    return {area.get_gid(): area for area in figure.axes[0].collections}


def test_areas_are_as_high_as_their_shares_at_every_epoch(columns):
    drawn = areas(breakdown(columns, prefix="val_"))
    assert list(drawn) == list(CELLS)
    for cell, area in drawn.items():
        points = area.get_paths()[0].vertices
        for epoch, share in zip(columns["epoch"], columns[f"val_{cell}"]):
            heights = points[points[:, 0] == epoch, 1]
            assert np.ptp(heights) == pytest.approx(share)


def test_right_predictions_are_at_the_bottom(columns):
    top = areas(breakdown(columns, prefix="val_"))["FFPT"].get_paths()[0].vertices
    accuracy = columns["val_FTPT"] + columns["val_FFPT"]
    assert top[:, 1].max() == pytest.approx(accuracy.max())


def test_names_carry_the_last_shares_and_stay_below(columns, tmp_path):
    columns |= {"val_FTPT": np.ones(6), "val_FFPT": np.zeros(6)}
    columns |= {"val_FTPF": np.zeros(6), "val_FFPF": np.zeros(6)}
    figure = breakdown(columns, prefix="val_")
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.texts] == [  # as they lie, the top one first
        "FFPF 0.0%  focus false, prediction false",
        "FTPF 0.0%  focus true, prediction false",
        "FFPT 0.0%  focus false, prediction true",
        "FTPT 100.0%  focus true, prediction true",
    ]
    figure.savefig(tmp_path / "breakdown.png")
    place = legend.get_window_extent()
    assert place.x0 >= 0 and place.x1 <= 440 and place.y1 < figure.axes[0].bbox.y0


def test_areas_differ_in_pattern_and_the_legend_has_the_same(columns):
    figure = breakdown(columns, prefix="val_")
    drawn = areas(figure)
    hatches = [drawn[cell].get_hatch() for cell in CELLS]
    assert len(set(hatches)) == 4
    handles = figure.legends[0].legend_handles[::-1]
    assert [handle.get_hatch() or None for handle in handles] == hatches
    faces = [drawn[cell].get_facecolor()[0] for cell in CELLS]
    np.testing.assert_allclose([handle.get_facecolor() for handle in handles], faces)


def test_switch_and_kept_epoch_are_lines_across_all_areas(columns):
    figure = breakdown(columns, prefix="val_", switch_epoch=2, kept_epoch=5)
    marked = {line.get_gid(): line for line in figure.axes[0].lines if line.get_gid()}
    assert {name: list(line.get_xdata()) for name, line in marked.items()} == {
        "switch": [2, 2],
        "kept": [5, 5],
    }
    texts = [text.get_text() for legend in figure.legends for text in legend.texts]
    assert texts[:2] == ["switch", "kept epoch"]


def test_one_epoch_is_an_area_too():
    one = {"epoch": [1], "FTPT": [0.4], "FFPT": [0.3], "FTPF": [0.2], "FFPF": [0.1]}
    points = areas(breakdown(one))["FTPT"].get_paths()[0].vertices
    assert np.ptp(points[:, 0]) == 1 and np.ptp(points[:, 1]) == pytest.approx(0.4)


def test_missing_columns_are_named():
    with pytest.raises(ValueError, match=r"columns has \['FTPT', 'epoch'\], expected also \['FFPT"):
        breakdown({"epoch": [1], "FTPT": [1.0]})
