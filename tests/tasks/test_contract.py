"""What holds for every task: a run's folder, exact resume, validation, evaluation, reports."""

import contextlib
import csv
import dataclasses
import json
import os
import shutil
import signal

import keras
import numpy as np
import pytest

import attention_zoo as az
from attention_zoo.tasks import registry
from attention_zoo.training.checkpoints import find_checkpoints
from attention_zoo.training.evaluate import evaluate_run
from attention_zoo.training.preemption import Preempted
from attention_zoo.training.run_callbacks import WriteMetrics

TASKS = ("mosaics", "text", "captions", "bags", "coins")
each_task = pytest.mark.parametrize("name", TASKS)


def read(workdir, name):
    return json.loads((workdir / name).read_text())


@pytest.fixture
def ended_by(monkeypatch):
    """(signal, epoch) -> a context in which the signal ends training in the first call of an epoch.

    Epochs are counted from 0; a call is one step.
    """

    @contextlib.contextmanager
    def ended(number, epoch):
        def kill(self, begun, logs=None):
            if begun == epoch:
                os.kill(os.getpid(), number)

        message = f"^{number.name}: saved in .*, expected the"
        with monkeypatch.context() as patch:
            patch.setattr(WriteMetrics, "on_epoch_begin", kill)
            with pytest.raises(Preempted, match=message) as notice:
                yield
        assert notice.value.signal == number

    return ended


@each_task
def test_the_page_marks_the_epoch_that_was_kept(finished, name):
    workdir, _ = finished(name)
    kept = read(workdir, "results.json").get("kept_epoch")
    assert ("kept: epoch" in (workdir / "report.html").read_text()) == (kept is not None)


def test_the_tasks_are_these():
    assert set(TASKS) == {*registry.TASKS, "coins"}


@each_task
def test_the_folder_is_complete(finished, task_of, name):
    workdir, evaluations = finished(name)
    names = {path.name for path in workdir.iterdir() if not path.name.startswith(".")}
    assert names >= {
        *("about.json", "config.json", "metrics.csv", "results.json", "report.html"),
        *("checkpoints", "tensorboard", "curves.png", "model.keras", "saved_model"),
    }
    results, about = read(workdir, "results.json"), read(workdir, "about.json")
    for split, found in evaluations.items():
        assert results[split] == found.scalars()
        assert results["num_examples"][split] >= 1
    task = registry.get(task_of(name))
    assert about["task"] == name
    assert about["words"]["examples"] == task.words.examples
    config = read(workdir, "config.json")
    assert set(task.config.__dataclass_fields__) <= config.keys()


@pytest.fixture
def unbroken(finished, name):
    """The folder of the run that was not broken off."""
    return finished(name)[0]


@each_task
@pytest.mark.usefixtures("heeded_signals")
def test_a_run_that_was_broken_off_and_ended_goes_on_to_the_same_weights(
    unbroken, tiny, task_of, name, tmp_path, broken_off, ended_by, weights, no_saved_model
):
    """Broken off in the first epoch, ended by a signal in the second."""
    features = {"features_dir": str(unbroken.parent / "features")}
    settings = tiny[name] | (features if name == "captions" else {})
    with broken_off(2):
        az.train(task_of(name), tmp_path, **settings)
    assert find_checkpoints(tmp_path / "checkpoints")
    with ended_by(signal.SIGTERM, epoch=1):
        az.train(task_of(name), tmp_path, **settings)
    assert not (tmp_path / "results.json").exists()
    az.train(task_of(name), tmp_path, **settings)
    for one, other in zip(weights(tmp_path), weights(unbroken), strict=True):
        np.testing.assert_array_equal(one, other)
    for file in ("metrics.csv", "results.json"):
        assert (tmp_path / file).read_text() == (unbroken / file).read_text()


@pytest.fixture(scope="session")
def coins(finished):
    """The folder of that run, made before what only the test has is in force."""
    return finished("coins")[0]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
@pytest.mark.usefixtures("heeded_signals", "models_alone")
def test_a_signal_saves_and_the_same_command_goes_on(
    coins, tiny, task_of, number, tmp_path, ended_by, weights
):
    """No other checkpoint is due."""
    settings = tiny["coins"] | {"checkpoint_steps": 99}
    with ended_by(number, epoch=1):
        az.train(task_of("coins"), tmp_path, **settings)
    assert len(find_checkpoints(tmp_path / "checkpoints")) == 1
    assert not (tmp_path / "results.json").exists()
    az.train(task_of("coins"), tmp_path, **settings)
    for resumed, unbroken in zip(weights(tmp_path), weights(coins), strict=True):
        np.testing.assert_array_equal(resumed, unbroken)


@each_task
def test_other_settings_are_refused(finished, tiny, task_of, name):
    workdir = finished(name)[0]
    with pytest.raises(ValueError, match=r"other settings \(batch_size: 16 before, 8 now\)$"):
        az.train(task_of(name), workdir, **tiny[name] | {"batch_size": 8})


@each_task
def test_validation_is_not_test(finished, tiny, task_of, name):
    """The last row of the curves is of the validation examples, and their figures differ."""
    workdir, _ = finished(name)
    with (workdir / "metrics.csv").open(newline="") as file:
        *_, last = csv.DictReader(file)
    task = registry.get(task_of(name))
    config = task.config(**tiny[name])
    splits = task.load(config)
    assert splits["validation"].source.fingerprint() != splits["test"].source.fingerprint()
    model = keras.models.load_model(workdir / "model.keras")
    folder = workdir.parent / "run"
    given = task.inputs(splits, model, config, folder)
    found = (
        {
            split: model.evaluate(
                task.validation_batches(given[split], config), return_dict=True, verbose=0
            )["loss"]
            for split in ("validation", "test")
        }
        if name != "mosaics"
        else {
            split: model.evaluate(given[split].source.dataset(16), return_dict=True, verbose=0)[
                "loss"
            ]
            for split in ("validation", "test")
        }
    )
    if read(workdir, "results.json").get("kept_epoch", 2) == 2:
        assert float(last["val_loss"]) == pytest.approx(found["validation"], rel=1e-4)
    assert found["validation"] != pytest.approx(found["test"], rel=1e-5)


@each_task
def test_a_finished_run_is_evaluated_again(finished, task_of, name):
    workdir, evaluations = finished(name)
    again = evaluate_run(registry.get(task_of(name)), workdir, split="test")
    assert again.scalars() == pytest.approx(evaluations["test"].scalars(), abs=1e-5)


@pytest.mark.parametrize("name", ["mosaics", "coins"])
def test_a_setting_that_names_no_data_leaves_them_to_be_the_runs(finished, task_of, name, tmp_path):
    workdir, evaluations = finished(name)
    task, copy = registry.get(task_of(name)), tmp_path / "run"
    copy.mkdir()
    for file in ("about.json", "config.json", "results.json", "model.keras"):
        (copy / file).symlink_to(workdir / file)
    prints = read(workdir, "data.json")
    (copy / "data.json").write_text(json.dumps(prints))
    found = evaluate_run(task, copy, batch_size=8).scalars()
    assert found == pytest.approx(evaluations["test"].scalars(), abs=1e-4)
    evaluate_run(task, copy, seed=7)  # draws others, if it draws any, from the same
    (copy / "data.json").write_text(json.dumps(prints | {"test": "0" * 64}))
    for setting in ({}, {"batch_size": 8}, {"seed": 7}):
        with pytest.raises(ValueError, match="^test of run .* is of other data than it was"):
            evaluate_run(task, copy, **setting)


def test_a_setting_that_names_another_splits_examples_is_refused(finished):
    """Alone: other data may need it to be loaded."""
    workdir, _ = finished("mosaics")
    message = r"^test_split is 'test\[:50%\]' with split 'validation', expected validation_split, o"
    with pytest.raises(ValueError, match=message):
        az.tasks.evaluate_finished(workdir, split="validation", test_split="test[:50%]")
    given = {"dataset": "sdc/digits", "test_split": "test[:50%]"}
    assert az.tasks.evaluate_finished(workdir, split="validation", **given)


@pytest.mark.parametrize(
    ("epochs", "message"),
    [
        (2, "holds a finished run without a sound checkpoint, expected another workdir, or this"),
        (3, "holds a run with other settings .epochs: 2 before, 3 now"),
    ],
)
def test_a_finished_run_whose_checkpoints_were_removed_is_not_trained_over(
    finished, task_of, tiny, tmp_path, epochs, message
):
    folder = tmp_path / "run"
    ignore = shutil.ignore_patterns("checkpoints", ".lock")
    shutil.copytree(finished("coins")[0], folder, ignore=ignore)
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    with pytest.raises(ValueError, match=message) as error:
        az.train(task_of("coins"), folder, **tiny["coins"] | {"epochs": epochs})
    assert "\n" not in str(error.value)
    assert before == {n: (folder / n).read_bytes() for n in before}
    assert (folder / "tensorboard").exists()


@each_task
def test_runs_are_compared_and_tabled(finished, name, tmp_path):
    workdir, other = finished(name)[0], finished("coins")[0]
    page = az.report.compare(workdir, other, output=tmp_path / "compare.html")
    assert workdir.name in page.read_text()
    (row,) = az.report.load(workdir)
    results = read(workdir, "results.json")
    for figure, value in results["test"].items():
        assert row[f"test/{figure}"] == value
    assert row["task"] == name and row["batch_size"] == 16


@pytest.mark.usefixtures("models_alone")
def test_more_epochs_go_on_as_if_they_had_been_asked_for(tiny, task_of, tmp_path, weights):
    four = tiny["coins"] | {"epochs": 4}
    az.train(task_of("coins"), tmp_path / "once", **four)
    az.train(task_of("coins"), tmp_path / "twice", **tiny["coins"])
    az.train(task_of("coins"), tmp_path / "twice", **four)
    for resumed, unbroken in zip(
        weights(tmp_path / "twice"), weights(tmp_path / "once"), strict=True
    ):
        np.testing.assert_array_equal(resumed, unbroken)
    with pytest.raises(ValueError, match=r"other settings \(epochs: 4 before, 2 now\)$"):
        az.train(task_of("coins"), tmp_path / "twice", **tiny["coins"])


@pytest.mark.usefixtures("models_alone")
def test_a_hybrid_that_would_have_switched_elsewhere_does_not_go_on(tiny, task_of, tmp_path):
    settings = tiny["coins"] | {"attention": "hybrid"}
    az.train(task_of("coins"), tmp_path, **settings)
    assert read(tmp_path, "config.json")["switch_epoch"] == 1
    with pytest.raises(ValueError, match="switch_epoch: 1 before, 2 now"):
        az.train(task_of("coins"), tmp_path, **settings | {"epochs": 4})


def test_chance_stands_beside_the_figures(finished):
    results = read(finished("coins")[0], "results.json")
    assert results["floors"]["test"]["focus_accuracy"] == 0.25
    task = registry.get("mosaics")
    splits = task.load(task.config(num_examples=40, num_test_examples=30))
    labels = splits["test"].source.labels
    most = np.bincount(splits["train"].source.labels).argmax()
    assert task.floors(splits, splits["train"])["test"] == {
        "accuracy": np.mean(labels == most),
        "focus_accuracy": 0.2,
    }


@pytest.mark.usefixtures("models_alone")
def test_patience_ends_training_with_the_best_epoch(task_of, tiny, tmp_path):
    settings = tiny["coins"] | {"epochs": 40, "keep": "loss", "patience": 1}
    settings |= {"learning_rate": 3.0, "optimizer": "sgd"}
    az.train(task_of("coins"), tmp_path, **settings)
    rows = az.report.load(tmp_path)[0]
    with (tmp_path / "metrics.csv").open(newline="") as file:
        losses = [float(row["val_loss"]) for row in csv.DictReader(file)]
    assert len(losses) < 40 and rows["kept_epoch"] == len(losses) - 1
    assert np.argmin(losses) == len(losses) - 2
    with pytest.raises(ValueError, match="^patience is 1 with keep 'last', expected keep"):
        az.train(task_of("coins"), tmp_path / "other", **tiny["coins"], patience=1)


@pytest.mark.usefixtures("models_alone")
def test_kerass_own_callbacks_go_on_as_if_nothing_had_happened(
    task_of, tiny, tmp_path, broken_off, weights
):
    """No epoch is better by 10: the rate falls after every second epoch."""

    def train(name):
        plateau = keras.callbacks.ReduceLROnPlateau("val_loss", patience=2, min_delta=10.0)
        stop = keras.callbacks.EarlyStopping("loss", patience=5, min_delta=1e-4)
        settings = tiny["coins"] | {"epochs": 6}
        az.train(task_of("coins"), tmp_path / name, callbacks=[plateau, stop], **settings)
        with (tmp_path / name / "metrics.csv").open(newline="") as file:
            return [float(row["learning_rate"]) for row in csv.DictReader(file)]

    unbroken = train("unbroken")
    with broken_off(13):
        train("broken")
    assert train("broken") == unbroken and len(set(unbroken)) == 3
    for a, b in zip(weights(tmp_path / "broken"), weights(tmp_path / "unbroken"), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_does_not_go_together_is_refused_before_anything_is_made(task_of, tmp_path):
    task = registry.get("mosaics")
    splits = task.load(task.config(num_examples=32, num_test_examples=32, dataset="sdc/digits"))
    source = splits["train"].source
    two = dataclasses.replace(splits["test"], class_names=("1", "0"))
    adam = keras.optimizers.Adam(0.1)
    for arguments, message in (
        ({"data": source, "num_segments": 9}, "^num_segments is given beside data, expected one"),
        ({"data": {"train": splits["train"], "test": two}}, r"^test has the classes \['1', '0'\]"),
        ({"optimizer": adam, "learning_rate": 0.1}, "^learning_rate is 0.1 beside an optimizer, e"),
        ({"callbacks": adam}, "^callbacks is .*, expected a list of Keras callbacks"),
    ):
        with pytest.raises(ValueError, match=message):
            az.train("mosaics", tmp_path / "run", **arguments)
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("no_saved_model")
def test_a_run_on_data_of_ones_own_is_evaluated_on_such_alone(tmp_path):
    task = registry.get("mosaics")
    splits = task.load(task.config(num_examples=32, num_test_examples=32))
    data = {name: split.source for name, split in splits.items()}
    common = {"network": "linear", "epochs": 1, "batch_size": 16, "attention": "soft"}
    found = az.train("mosaics", tmp_path / "own", data=data, **common)
    assert read(tmp_path / "own", "config.json")["dataset"] == "own data"
    with pytest.raises(ValueError, match="was trained on data of your own, expected them as data$"):
        evaluate_run(task, tmp_path / "own")
    with pytest.raises(ValueError, match="was trained on data of your own, expected them as data$"):
        evaluate_run(task, tmp_path / "own", batch_size=8)
    again = evaluate_run(task, tmp_path / "own", data=data["test"])
    assert again.scalars() == pytest.approx(found["test"].scalars(), abs=1e-6)
    with pytest.raises(ValueError, match="^split is 'val', expected one of"):
        evaluate_run(task, tmp_path / "own", split="val")
