import csv

import keras
import numpy as np
import pytest
from matplotlib.image import imread

from attention_zoo.plots import training_curves, training_panels


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def history(rng):
    names = ["loss", "accuracy", "focus_focus_accuracy"]
    return {name: rng.random(7) for name in [*names, *(f"val_{n}" for n in names)]}


def texts(artists):
    return [t.get_text() for t in artists]


def lines(figure):
    return {line.get_gid(): line for ax in figure.axes for line in ax.lines}


def test_every_measure_is_drawn_in_its_panel(history):
    figure = training_curves(history)
    assert [ax.get_title("left") for ax in figure.axes] == [
        "loss (nats)",
        "accuracy",
        "focus true (FT)",
    ]
    assert [[line.get_gid() for line in ax.lines] for ax in figure.axes] == [
        ["loss", "val_loss"],
        ["accuracy", "val_accuracy"],
        ["focus_focus_accuracy", "val_focus_focus_accuracy"],
    ]
    for name, line in lines(figure).items():
        np.testing.assert_array_equal(line.get_xdata(), np.arange(1, 8))
        np.testing.assert_array_equal(line.get_ydata(), history[name])


def test_validation_has_the_colour_of_training_and_another_style(history):
    drawn = lines(training_curves(history))
    for name in ("loss", "accuracy", "focus_focus_accuracy"):
        train, validation = drawn[name], drawn[f"val_{name}"]
        assert train.get_color() == validation.get_color()
        assert (train.get_linestyle(), validation.get_linestyle()) == ("-", "--")


def test_drives_have_a_panel_in_nats():
    drives = {f"drive_{name}": [0.1, 1.5] for name in ("soft", "hard", "lvml")}
    panel = training_curves(drives).axes[0]
    assert panel.get_title("left") == "drive to focus (nats)"
    assert [line.get_gid() for line in panel.lines] == list(drives)
    assert not any("%" in text for text in texts(panel.get_yticklabels()))


def test_panels_with_nothing_in_them_are_left_out():
    figure = training_curves({"FT": [0.1, 0.2], "FTPT": [0.1, 0.1]})
    assert [ax.get_title("left") for ax in figure.axes] == ["focus true (FT)"]
    assert list(lines(figure)) == ["FT"]


def test_measures_that_share_a_panel_are_named_and_differ_in_colour(rng):
    names = ["argmax_accuracy", "marginal_accuracy", "soft_accuracy"]
    (ax,) = training_curves({n: rng.random(3) for n in ["val_soft_accuracy", *names]}).axes
    said = [text.replace(" ", "_") for text in texts(ax.get_legend().texts)]
    assert sorted(said) == names
    drawn = dict(zip(said, ax.get_legend().legend_handles, strict=True))
    markers = {line.get_gid().removeprefix("val_"): line.get_marker() for line in ax.lines}
    assert markers == {name: handle.get_marker() for name, handle in drawn.items()}
    assert len(set(markers.values())) == 3
    colours = {line.get_gid().removeprefix("val_"): line.get_color() for line in ax.lines}
    assert colours == {name: handle.get_color() for name, handle in drawn.items()}
    assert len(ax.lines) == 4 and len(set(colours.values())) == 3


def test_panels_by_themselves_are_those_of_the_figure_and_the_entropy(history):
    panels = training_panels(history | {"val_focus_entropy": np.ones(7)}, switch_epoch=4)
    together = training_curves(history, switch_epoch=4)
    assert list(panels) == [
        *(ax.get_title("left") for ax in together.axes),
        "attention entropy (nats)",
    ]
    for figure, ax in zip(panels.values(), together.axes):
        drawn = lines(figure)
        assert list(drawn) == [line.get_gid() for line in ax.lines]
        for line in ax.lines:
            np.testing.assert_array_equal(drawn[line.get_gid()].get_ydata(), line.get_ydata())
    assert list(lines(panels["attention entropy (nats)"])) == ["val_focus_entropy", "switch"]
    assert training_panels({"lr": [1]}) == {}


def test_the_switch_is_a_vertical_line_in_every_panel(history):
    figure = training_curves(history, switch_epoch=4)
    for ax in figure.axes:
        (line,) = [line for line in ax.lines if line.get_gid() == "switch"]
        assert list(line.get_xdata()) == [4, 4]
    (legend,) = figure.legends
    assert texts(legend.texts) == ["training", "validation", "switch"]


def test_the_kept_epoch_is_a_line_of_another_kind_in_every_panel(history):
    figure = training_curves(history, switch_epoch=4, kept_epoch=6)
    for ax in figure.axes:
        drawn = {line.get_gid(): line for line in ax.lines}
        assert list(drawn["kept"].get_xdata()) == [6, 6]
        assert drawn["kept"]._dash_pattern != drawn["switch"]._dash_pattern
    assert texts(figure.legends[0].texts) == ["training", "validation", "switch", "kept epoch"]
    assert "kept" not in lines(training_curves(history))


def test_the_longest_legend_fits_into_one_panel(history):
    for figure in training_panels(history, switch_epoch=4, kept_epoch=6).values():
        figure.draw_without_rendering()
        assert figure.legends[0].get_window_extent().x1 <= 440


def test_a_panel_without_validation_does_not_speak_of_it(history):
    panels = training_panels(history | {"drive_soft": np.ones(7), "drive_hard": np.zeros(7)})
    said = {title: texts(figure.legends[0].texts) for title, figure in panels.items()}
    assert said.pop("drive to focus (nats)") == ["training"]
    assert set(map(tuple, said.values())) == {("training", "validation")}


def test_a_file_equals_its_columns(history, tmp_path):
    path = tmp_path / "metrics.csv"
    history = {"epoch": np.arange(10, 17), **history}
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([history, *zip(*history.values(), strict=True)])
    from_file, direct = lines(training_curves(path)), lines(training_curves(history))
    assert from_file.keys() == direct.keys()
    for name in direct:
        np.testing.assert_allclose(from_file[name].get_data(), direct[name].get_data())
    assert from_file["loss"].get_xdata()[0] == 10


def test_epochs_without_a_value_are_skipped(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text("epoch,phase,loss,val_loss,val_accuracy\n0,soft,3,,NA\n1,soft,2,1.5,NA\n")
    drawn = lines(training_curves(str(path)))
    assert drawn["val_loss"].get_xydata().tolist() == [[1, 1.5]]
    assert "val_accuracy" not in drawn


def test_reads_what_keras_writes(tmp_path):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile=False)
    logger = keras.callbacks.CSVLogger(str(tmp_path / "log.csv"))
    fit = model.fit(np.ones((4, 2)), np.ones(4), epochs=2, verbose=0, callbacks=[logger])
    for history in (fit, fit.history):
        (line,) = lines(training_curves(history)).values()
        np.testing.assert_allclose(line.get_ydata(), fit.history["loss"])
    (line,) = lines(training_curves(tmp_path / "log.csv")).values()
    np.testing.assert_allclose(line.get_ydata(), fit.history["loss"])


def test_curves_are_saved_900_pixels_wide(history, tmp_path):
    training_curves(history, switch_epoch=3).savefig(tmp_path / "curves.png")
    assert imread(tmp_path / "curves.png").shape[:2] == (320, 900)


@pytest.mark.parametrize(
    ("history", "message"),
    [
        ({"loss": [1, 2], "val_loss": [1]}, r"lengths {'loss': 2, 'val_loss': 1}"),
        ({"lr": [1, 2]}, r"history has \['lr'\], expected a loss or an accuracy"),
        ({}, r"history has \[\], expected"),
    ],
)
def test_bad_history_raises_one_line(history, message):
    with pytest.raises(ValueError, match=message) as error:
        training_curves(history)
    assert "\n" not in str(error.value)
