"""From a finished run's folder to a preset with its card."""

import dataclasses
import json
import shlex

import numpy as np
import pytest

import attention_zoo as az
from attention_zoo._settings import make
from attention_zoo.trainers import make_preset, sdc

SETTINGS = {"attention": "lvml", "num_examples": 50, "num_test_examples": 20, "seed": 7}


@pytest.fixture(scope="module")
def model():
    model = az.FocusClassifier(*az.models.networks("digits", (8, 8, 1), 3), "lvml")
    model.build((None, 5, 8, 8, 1))
    return model


@pytest.fixture
def run(model, tmp_path):
    """The folder of a run, as the trainer leaves it, untrained."""
    folder = tmp_path / "run"
    folder.mkdir()
    settings = dataclasses.asdict(make(sdc.Settings, SETTINGS))
    (folder / "config.json").write_text(json.dumps(settings))
    _, info = az.datasets.load("sdc/digits", "test", num_examples=20, seed=7)
    figures = az.evaluate(model, info.source.dataset(20)).scalars()
    (folder / "results.json").write_text(json.dumps({"train": {}, "test": figures}))
    model.save(folder / "model.keras")
    return folder


def test_preset_of_a_run(run, model, tmp_path):
    folder = tmp_path / "presets" / "mine"
    card = make_preset.make_preset(
        run=str(run), preset=str(folder), description="A try.", seconds=3.0, limits="One; two"
    )
    assert az.zoo.card(folder) == card
    assert (card.name, card.description, card.seconds) == ("mine", "A try.", 3.0)
    assert card.limits == ("One", "two")
    assert card.figures == json.loads((run / "results.json").read_text())["test"]
    assert (card.num_examples, card.data["num_examples"], card.seed) == (20, 20, 7)
    assert "50 mosaics of the images 'train', measured on 20 of 'test'" in card.protocol
    twin = az.FocusClassifier.from_preset(folder)
    x = np.zeros((1, 5, 8, 8, 1), "float32")
    np.testing.assert_array_equal(twin(x)["label"], model(x)["label"])


@pytest.mark.parametrize(
    "settings",
    [{}, SETTINGS, {"train_split": "train[:90%]", "learning_rate": 0.02, "focus_drive": True}],
)
def test_command_has_the_runs_settings(settings):
    trained = make(sdc.Settings, settings)
    program = ["python", "-m", "attention_zoo.trainers.sdc"]
    *start, workdir = shlex.split(make_preset.command(trained, "runs/mine"))
    assert start[:3] == program
    assert workdir == "--workdir=runs/mine"
    flags = dict(part.removeprefix("--").split("=", 1) for part in start[3:])
    assert flags == {"attention": trained.attention} | {k: str(v) for k, v in settings.items()}


@pytest.mark.parametrize("name", ["config.json", "results.json"])
def test_unfinished_run_is_refused(run, tmp_path, name):
    (run / name).unlink()
    with pytest.raises(ValueError, match=f"has no sound {name}, expected a finished run"):
        make_preset.make_preset(run=str(run), preset=str(tmp_path / "preset"))


def test_run_on_other_data_is_refused(run, tmp_path):
    (run / "config.json").write_text(json.dumps({"dataset": "hatexplain"}))
    with pytest.raises(ValueError, match="of no data set sdc/…, expected one of trainers.sdc"):
        make_preset.make_preset(run=str(run), preset=str(tmp_path / "preset"))
    assert not (tmp_path / "preset").exists()
