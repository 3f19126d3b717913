"""From a finished run's folder to a preset with its card."""

import dataclasses
import json
import shlex
import types

import keras
import numpy as np
import pytest

import attention_zoo as az
from attention_zoo._settings import make
from attention_zoo.tasks import BagsTask, MosaicsTask
from attention_zoo.trainers import make_preset, preset_of_run
from attention_zoo.trainers.preset_of_run import command

SETTINGS = {"attention": "lvml", "num_examples": 50, "num_test_examples": 20, "seed": 7}


@pytest.fixture(scope="module")
def model():
    networks = az.models.networks("digits", (8, 8, 1), 3)
    model = az.FocusClassifier(*networks, "lvml", class_names=["0", "1", "2"])
    model.build((None, 5, 8, 8, 1))
    return model


@pytest.fixture
def run(model, tmp_path):
    """The folder of a run, as the trainer leaves it, untrained."""
    folder = tmp_path / "run"
    folder.mkdir()
    settings = dataclasses.asdict(make(MosaicsTask.config, SETTINGS))
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "about.json").write_text(json.dumps({"task": "mosaics"}))
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
    assert "50 mosaics of the images 'train[:90%]', measured on 20 of 'test'" in card.protocol
    twin = az.FocusClassifier.from_preset(folder)
    x = np.zeros((1, 5, 8, 8, 1), "float32")
    np.testing.assert_array_equal(twin(x)["label"], model(x)["label"])
    assert twin.class_names == card.classes == ("0", "1", "2")


@pytest.mark.parametrize("callbacks", [[], [{"class_name": "keras.callbacks.EarlyStopping"}]])
def test_the_card_says_that_a_run_had_callbacks(run, tmp_path, callbacks):
    """Its command does not give them."""
    config = json.loads((run / "config.json").read_text())
    (run / "config.json").write_text(json.dumps(config | {"callbacks": callbacks}))
    card = make_preset.make_preset(run=str(run), preset=str(tmp_path / "mine"), limits="One")
    assert card.limits[0] == "One"
    limits = [limit for limit in card.limits if "callbacks" in limit]
    assert limits == ["It was trained with callbacks, which the command does not give."] * len(
        callbacks
    )


@pytest.mark.parametrize(
    "settings",
    [{}, SETTINGS, {"train_split": "train[:80%]", "learning_rate": 0.02, "focus_drive": True}],
)
def test_command_has_the_runs_settings(settings):
    trained = make(MosaicsTask.config, settings)
    program = ["python", "-m", "attention_zoo.trainers.sdc"]
    *start, workdir = shlex.split(command(MosaicsTask(), trained, "runs/mine"))
    assert start[:3] == program
    assert workdir == "--workdir=runs/mine"
    flags = dict(part.removeprefix("--").split("=", 1) for part in start[3:])
    assert flags == {"attention": trained.attention} | {k: str(v) for k, v in settings.items()}


@pytest.mark.parametrize("none", [None, 0.0])
@pytest.mark.parametrize(
    ("task", "setting"), [(MosaicsTask(), "weight_decay"), (BagsTask(), "ema_momentum")]
)
def test_command_of_a_run_without_what_is_the_default_trains_without(none, task, setting):
    """Null in a config.json of a version that had it for none; flags have no word for None."""
    line = shlex.split(command(task, make(task.config, {setting: none}), "runs/mine"))
    (flag,) = (part for part in line if part.startswith(f"--{setting}"))
    assert float(flag.partition("=")[2]) == 0.0 and "None" not in line


@pytest.mark.parametrize("text", [None, "", "[" * 100_000])
@pytest.mark.parametrize("name", ["about.json", "config.json", "results.json", "model.keras"])
def test_unfinished_run_or_a_damaged_one_is_refused(run, tmp_path, name, text):
    (run / name).unlink() if text is None else (run / name).write_text(text)
    with pytest.raises(ValueError, match=rf"has no sound {name}.*, expected a finished run"):
        make_preset.make_preset(run=str(run), preset=str(tmp_path / "preset"))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("config.json", "[]", "config.json that is a list, expected a mapping"),
        ("results.json", "3", "results.json that is a int, expected a mapping"),
        ("results.json", "{}", "argmax_FFPF None in results.json, expected 0"),
        ("results.json", '{"test": null}', "figures is None, expected"),
        ("results.json", '{"test": {"entropy": "1"}}', "figures is {'entropy': '1'}, expected"),
    ],
)
def test_files_of_another_form_are_refused(run, tmp_path, name, content, words):
    (run / name).write_text(content)
    with pytest.raises(ValueError, match=words):
        make_preset.make_preset(run=str(run), preset=str(tmp_path / "preset"))
    assert not (tmp_path / "preset").exists()


@pytest.mark.parametrize(
    ("figure", "change", "is_refused"),
    [
        ("argmax_accuracy", 2 / 20, False),
        ("argmax_accuracy", -3 / 20, True),
        ("entropy", 0.001, False),
        ("soft_nll", 0.003, True),
        ("f1", 0.5, True),
    ],
)
def test_figures_must_be_the_models(run, tmp_path, figure, change, is_refused):
    results = json.loads((run / "results.json").read_text())
    results["test"][figure] = results["test"].get(figure, 0) + change
    (run / "results.json").write_text(json.dumps(results))
    arguments = {"run": str(run), "preset": str(tmp_path / "preset")}
    if is_refused:
        with pytest.raises(ValueError, match=rf"has {figure} .* in results.json, expected .*model"):
            make_preset.make_preset(**arguments)
    else:
        assert make_preset.make_preset(**arguments).figures == results["test"]
    assert (tmp_path / "preset").exists() != is_refused


@pytest.mark.parametrize("before", [["soft_aurc", "num_left_out"], []])
def test_a_run_of_before_some_figures_were_measured_lacks_them(model, before):
    now = {"entropy": 1.0, "soft_aurc": 0.25, "num_left_out": 0}
    task = types.SimpleNamespace(
        inputs=lambda splits, *_: splits,
        evaluate=lambda *_: types.SimpleNamespace(scalars=lambda: now),
    )
    figures = {name: value for name, value in now.items() if name not in before}
    test = types.SimpleNamespace(num_examples=20)
    preset_of_run._check_figures("run", model, task, None, test, figures)
    other = now | {"num_left_out": 3}
    with pytest.raises(ValueError, match="^run run has num_left_out 3 in results.json, expected 0"):
        preset_of_run._check_figures("run", model, task, None, test, other)


def test_model_of_another_class_is_refused(run, tmp_path):
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    other.save(run / "model.keras")
    with pytest.raises(ValueError, match="is a Sequential, expected a FocusClassifier"):
        make_preset.make_preset(run=str(run), preset=str(tmp_path / "preset"))


def test_command_line_names_the_preset_it_wrote(run, tmp_path, capsys):
    preset = str(tmp_path / "mine")
    make_preset.COMMAND.main(preset=preset, run=str(run))
    page = az.zoo.card(preset).markdown()
    assert capsys.readouterr().out == f"{page}\n\nwritten to {preset}\n"


@pytest.mark.parametrize(
    ("task", "dataset"), [("captions", "coco_captions"), ("mosaics", "own data"), (None, "sdc/x")]
)
def test_run_of_another_task_or_on_own_data_is_refused(run, tmp_path, task, dataset):
    (run / "about.json").write_text(json.dumps({"task": task}))
    (run / "config.json").write_text(json.dumps({"dataset": dataset}))
    words = f"is of the task {task} on {dataset}, expected one of mosaics, text, bags, on data of a"
    with pytest.raises(ValueError, match=words):
        make_preset.make_preset(run=str(run), preset=str(tmp_path / "preset"))
    assert not (tmp_path / "preset").exists()


def test_command_names_a_file_of_data_without_its_folder(tmp_path):
    (tmp_path / "bags.csv").write_text("")
    task = BagsTask()
    for place, expected in ((tmp_path / "bags.csv", " --data_dir=bags.csv "), (tmp_path, " ")):
        trained = task.config(dataset="bags/csv", data_dir=str(place), folds=3)
        assert command(task, trained, "runs/mine") == (
            f"python -m attention_zoo.trainers.bags --attention=soft --dataset=bags/csv{expected}"
            "--folds=3 --workdir=runs/mine"
        )


@pytest.mark.usefixtures("no_saved_model")
def test_preset_of_a_run_on_bags(tmp_path):
    settings = {"num_examples": 40, "num_test_examples": 20, "epochs": 1}
    az.train("bags", tmp_path / "run", **settings)
    folder = tmp_path / "preset"
    card = make_preset.make_preset(run=str(tmp_path / "run"), preset=str(folder))
    assert card.data == {
        "name": "bags/digits",
        "split": "test",
        "num_examples": 20,
        "mean_size": 10.0,
        "seed": 0,
    }
    assert card.protocol == ("trained on 40 bags of 'train[:90%]', measured on 20 of 'test'")
    _, info = az.datasets.load(**card.data)
    model = az.FocusClassifier.from_preset(folder)
    found = az.evaluate_bags(model, info.source.in_batches_of(1000)).scalars()
    assert found == pytest.approx(card.figures, abs=1e-5)


def test_card_of_a_fold_names_its_test_bags_alone(tmp_path):
    rows = [f"{bag % 2},b{bag},{bag},{i}" for bag in range(20) for i in range(3)]
    path = tmp_path / "bags.csv"
    path.write_text("\n".join(rows) + "\n")
    settings = {"dataset": "bags/csv", "data_dir": str(path), "folds": 4, "fold": 1, "repeat": 2}
    task = BagsTask()
    config = make(task.config, settings)
    splits = task.load(config)
    card = task.card(config, splits)
    data = {"name": "bags/csv", "split": "test", "folds": 4, "fold": 1, "repeat": 2}
    assert card["data"] == data and card["protocol"].endswith(": part 1 of 4, stratified")
    _, info = az.datasets.load(**card["data"], data_dir=str(path))
    assert info.source.names == splits["test"].source.names


def test_card_of_slides_with_splits_of_their_own(load_example, tmp_path):
    load_example("made_up_slides").main(tmp_path, slides=6)
    lines = (tmp_path / "labels.csv").read_text().splitlines()
    table = [line.split(",")[:2] for line in lines]
    splits = ["split", *["train"] * 4, *["test"] * 2]
    text = "".join(
        f"{slide},{label},{s}\n" for (slide, label), s in zip(table, splits, strict=True)
    )
    (tmp_path / "labels.csv").write_text(text)
    task = BagsTask()
    config = make(task.config, {"dataset": "bags/slides", "data_dir": str(tmp_path)})
    card = task.card(config, task.load(config))
    assert card["data"] == {"name": "bags/slides", "split": "test"}
    assert card["protocol"] == "trained on 4 bags of 'train', measured on 2 of 'test'"
