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


def test_names_carry_the_last_shares_and_stay_apart(columns, tmp_path):
    columns |= {"val_FTPT": np.ones(6), "val_FFPT": np.zeros(6)}
    columns |= {"val_FTPF": np.zeros(6), "val_FFPF": np.zeros(6)}
    figure = breakdown(columns, prefix="val_")
    texts = figure.axes[0].texts
    assert [text.get_text().split("  ")[0] for text in texts] == [
        "FTPT 100.0%",
        "FFPT 0.0%",
        "FTPF 0.0%",
        "FFPF 0.0%",
    ]
    heights = [text.xy[1] for text in texts]
    assert min(np.diff(heights)) >= 0.08 and max(heights) <= 1
    figure.savefig(tmp_path / "breakdown.png")


def test_one_epoch_is_an_area_too():
    one = {"epoch": [1], "FTPT": [0.4], "FFPT": [0.3], "FTPF": [0.2], "FFPF": [0.1]}
    points = areas(breakdown(one))["FTPT"].get_paths()[0].vertices
    assert np.ptp(points[:, 0]) == 1 and np.ptp(points[:, 1]) == pytest.approx(0.4)


def test_missing_columns_are_named():
    with pytest.raises(ValueError, match=r"columns has \['FTPT', 'epoch'\], expected also \['FFPT"):
        breakdown({"epoch": [1], "FTPT": [1.0]})
