import numpy as np
import pytest
from matplotlib.image import imread

from attention_zoo.plots import fixed_focus

ATTENTIONS, ALPHAS, EPOCHS = ("soft", "hard", "lvml"), (0.2, 0.6, 1.0), 4


@pytest.fixture
def table():
    """Rows as the trainer writes them: epoch by epoch, loss by loss, alpha by alpha."""
    keys = [(e, name, a) for e in range(EPOCHS) for name in ATTENTIONS for a in ALPHAS]
    rng = np.random.default_rng(0)
    figures = {name: rng.random(len(keys)) for name in ("loss", "drive", "derivative")}
    columns = zip(*keys, strict=True)
    return dict(zip(("epoch", "attention", "alpha"), columns, strict=True)) | figures


def lines(drawing):
    return {line.get_gid(): line for ax in drawing.axes for line in ax.lines if line.get_gid()}


@pytest.mark.parametrize("figure", ["drive", "derivative", "loss"])
def test_a_panel_for_each_loss_a_line_for_each_alpha(figure, table):
    drawing = fixed_focus(table, figure=figure)
    assert [ax.get_title("left") for ax in drawing.axes] == ["soft", "hard", "LVML"]
    drawn = lines(drawing)
    assert list(drawn) == [f"{name}-{alpha:g}" for name in ATTENTIONS for alpha in ALPHAS]
    values = np.reshape(table[figure], (EPOCHS, 3, 3))
    for i, name in enumerate(ATTENTIONS):
        for k, alpha in enumerate(ALPHAS):
            x, y = drawn[f"{name}-{alpha:g}"].get_data()
            np.testing.assert_array_equal(x, range(EPOCHS))
            np.testing.assert_array_equal(y, values[:, i, k])


def test_an_alpha_looks_the_same_in_every_panel_and_unlike_any_other(table):
    drawing = fixed_focus(table)
    looks = {gid: (line.get_color(), line.get_linestyle()) for gid, line in lines(drawing).items()}
    assert len({looks[f"soft-{alpha:g}"] for alpha in ALPHAS}) == 3
    for alpha in ALPHAS:
        assert len({looks[f"{name}-{alpha:g}"] for name in ATTENTIONS}) == 1
    (legend,) = drawing.legends
    assert [text.get_text() for text in legend.texts] == ["α = 0.2", "α = 0.6", "α = 1"]


def test_a_window_draws_running_means_over_the_raw_lines(table):
    drawn = lines(fixed_focus(table, window=5))
    assert len(drawn) == 18
    raw, mean = (drawn[gid].get_ydata() for gid in ("raw-hard-0.6", "hard-0.6"))
    np.testing.assert_array_equal(raw, np.reshape(table["drive"], (EPOCHS, 3, 3))[:, 1, 1])
    np.testing.assert_allclose(mean, [raw[0], raw[:3].mean(), raw[1:].mean(), raw[3]])


def test_every_panel_has_a_scale_of_its_own(table):
    table["drive"] = table["drive"] * np.tile(np.repeat([1.0, 10.0, 100.0], 3), EPOCHS)
    tops = [ax.get_ylim()[1] for ax in fixed_focus(table).axes]
    assert tops[0] < 1.5 < tops[1] < 15 < tops[2]


def test_a_file_equals_its_columns(table, tmp_path):
    path = tmp_path / "metrics.csv"
    rows = [",".join(table), *(",".join(map(str, row)) for row in zip(*table.values()))]
    path.write_text("\n".join(rows) + "\n")
    from_file, direct = lines(fixed_focus(path)), lines(fixed_focus(table))
    assert list(from_file) == list(direct)
    for gid, line in direct.items():
        np.testing.assert_allclose(from_file[gid].get_data(), line.get_data())


def test_the_picture_is_900_pixels_wide(table, tmp_path):
    fixed_focus(table).savefig(tmp_path / "drives.png")
    assert imread(tmp_path / "drives.png").shape[:2] == (340, 900)


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({}, {"figure": "speed"}, "figure is 'speed', expected one of"),
        ({}, {"window": 4}, "window is 4, expected an odd number of epochs"),
        ({}, {"window": 0}, "window is 0, expected an odd"),
        ({}, {"window": "3"}, "window is '3', expected an odd"),
        ({}, {"window": 2.5}, "window is 2.5, expected an odd"),
        ({}, {"window": 3.0}, "window is 3.0, expected an odd"),
        ({"alpha": None}, {}, r"expected also \['alpha'\]"),
        ({"drive": [1.0]}, {}, "columns of lengths .*'drive': 1.*, expected equal ones"),
    ],
)
def test_bad_tables_raise_one_line(change, options, message, table):
    table = {name: x for name, x in (table | change).items() if x is not None}
    with pytest.raises(ValueError, match=message) as error:
        fixed_focus(table, **options)
    assert "\n" not in str(error.value)


def test_theory_is_drawn_along_time(table):
    table["time"] = [0.5 * epoch for epoch in table.pop("epoch")]
    drawing = fixed_focus(table, along="time")
    assert lines(drawing)["soft-0.2"].get_xdata()[-1] == 0.5 * (EPOCHS - 1)
    assert {ax.get_xlabel() for ax in drawing.axes} == {"time (steps × learning rate)"}
    with pytest.raises(ValueError, match="^along is 'step', expected one of"):
        fixed_focus(table, along="step")
