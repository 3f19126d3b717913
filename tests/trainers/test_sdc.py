import dataclasses
import json
import os
import signal

import keras
import numpy as np
import pytest
import tensorflow as tf

import attention_zoo as az
from attention_zoo.callbacks import FocusStalled
from attention_zoo.trainers import run_settings, sdc
from attention_zoo.trainers.augment import AUGMENTATIONS
from attention_zoo.trainers.checkpoints import find_checkpoints
from attention_zoo.trainers.run_callbacks import WriteMetrics
from attention_zoo.trainers.training import Preempted
from attention_zoo.trainers.workdir import Workdir

TINY = {"num_examples": 96, "num_test_examples": 64, "batch_size": 32, "epochs": 2}


def weights(workdir):
    """Of the model and of its optimizer."""
    model = keras.models.load_model(workdir / "model.keras")
    return [variable.numpy() for variable in [*model.variables, *model.optimizer.variables]]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("runs") / "hybrid"
    return workdir, sdc.train_and_evaluate(workdir, **TINY)


def test_the_workdir_is_complete(finished):
    workdir, evaluations = finished
    names = {path.name for path in workdir.iterdir() if not path.name.startswith(".")}
    assert names == {
        "config.json",
        "metrics.csv",
        "tensorboard",
        "checkpoints",
        "model.keras",
        "saved_model",
        "mosaics.png",
        "curves.png",
        "joint_histogram.png",
        "about.json",
        "examples.json",
        "histograms.json",
        "report.html",
        "results.json",
    }
    results = json.loads((workdir / "results.json").read_text())
    assert results.pop("switched_epoch") == 1
    assert results.pop("collapsed_epoch") is None
    assert results == {name: result.scalars() for name, result in evaluations.items()}
    config = json.loads((workdir / "config.json").read_text())
    assert config == dataclasses.asdict(sdc.Settings(**TINY))


def test_the_curves_show_both_phases(finished):
    rows = Workdir(finished[0], dataclasses.asdict(sdc.Settings(**TINY))).read_metrics()
    assert [row["epoch"] for row in rows] == [1, 2]
    np.testing.assert_allclose([row["learning_rate"] for row in rows], [0.05, 0.01], rtol=1e-6)
    assert {"loss", "val_loss", "focus_accuracy", "val_focus_accuracy", "FTPT"} <= rows[0].keys()


def test_the_saved_models_agree_with_the_evaluation(finished):
    workdir, evaluations = finished
    test, _ = az.datasets.load("sdc/digits", "test", num_examples=64, batch_size=64)
    segments, truth = next(iter(test))
    loaded = az.evaluate(keras.models.load_model(workdir / "model.keras"), test)
    assert loaded.scalars() == pytest.approx(evaluations["test"].scalars(), abs=1e-6)
    served = tf.saved_model.load(str(workdir / "saved_model")).signatures["explain"](
        segments=segments
    )
    hits = np.mean(served["segment"].numpy() == truth["focus"].numpy())
    assert hits == pytest.approx(evaluations["test"].focus_accuracy, abs=1e-6)


def test_a_broken_off_run_goes_on_to_the_same_weights(finished, tmp_path, monkeypatch):
    """Broken off while the second epoch's checkpoint is written: one epoch is done."""
    save = keras.Model.save_weights

    def break_off(model, path, **options):
        if "step-00000006" in str(path):
            raise KeyboardInterrupt
        save(model, path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(keras.Model, "save_weights", break_off)
        with pytest.raises(KeyboardInterrupt):
            sdc.train_and_evaluate(tmp_path, **TINY)
    assert not (tmp_path / "results.json").exists()
    sdc.train_and_evaluate(tmp_path, **TINY)
    for resumed, unbroken in zip(weights(tmp_path), weights(finished[0]), strict=True):
        np.testing.assert_array_equal(resumed, unbroken)
    unbroken = (finished[0] / "metrics.csv").read_text()
    assert (tmp_path / "metrics.csv").read_text() == unbroken


def test_sigterm_saves_and_the_same_command_goes_on(finished, tmp_path, monkeypatch):
    """The signal comes in the first call of the second epoch, one step long."""
    settings = TINY | {"steps_per_call": 1, "checkpoint_steps": 99}

    def terminate(self, epoch, logs=None):
        if epoch == 1:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(WriteMetrics, "on_epoch_begin", terminate)
        with pytest.raises(Preempted, match="^SIGTERM: saved in .*, expected the same command"):
            sdc.train_and_evaluate(tmp_path, **settings)
    names = [path.name for path in (tmp_path / "checkpoints").iterdir()]
    assert names == ["step-00000004"]
    assert not (tmp_path / "results.json").exists()
    sdc.train_and_evaluate(tmp_path, **settings)
    for resumed, unbroken in zip(weights(tmp_path), weights(finished[0]), strict=True):
        np.testing.assert_array_equal(resumed, unbroken)


@pytest.fixture
def nan_from_epoch(monkeypatch):
    """(epoch) -> spoils the labels from that epoch on: their loss is NaN."""
    endless = az.datasets.Mosaics.endless_indices

    def spoil(epoch):
        def with_nan(mosaics, batch_size, **settings):
            sound = endless(mosaics, batch_size, **settings)
            spoilt = sound.map(lambda rows, truth: (rows, truth | {"label": truth["label"] - 9}))
            return sound.take(3 * epoch).concatenate(spoilt)

        monkeypatch.setattr(az.datasets.Mosaics, "endless_indices", with_nan)

    return spoil


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path, nan_from_epoch):
    nan_from_epoch(1)
    message = r"^loss is nan at epoch 2, by step 3, expected .* checkpoint is .*step-00000003$"
    with pytest.raises(FloatingPointError, match=message):
        sdc.train_and_evaluate(tmp_path, **TINY)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000003"]
    assert not (tmp_path / "results.json").exists()
    assert not (tmp_path / "model.keras").exists()


def test_an_update_that_spoils_the_weights_is_no_checkpoint(tmp_path):
    """The loss of the one step is finite, what it leaves is of no use."""
    settings = TINY | {"batch_size": 96, "attention": "soft", "learning_rate": 1e38}
    message = "^val_loss is nan at epoch 1, by step 1, .* checkpoint is none$"
    with pytest.raises(FloatingPointError, match=message):
        sdc.train_and_evaluate(tmp_path, **settings)
    assert not list((tmp_path / "checkpoints").iterdir())


@pytest.mark.parametrize("policy", ["bfloat16", pytest.param("float16", marks=pytest.mark.slow)])
def test_mixed_precision_trains_in_its_floats(policy, tmp_path):
    evaluations = sdc.train_and_evaluate(tmp_path, **TINY, mixed_precision=policy)
    model = keras.models.load_model(tmp_path / "model.keras")
    assert model.focus.layers[0].compute_dtype == policy
    assert model.focus.layers[0].variable_dtype == "float32"
    assert keras.config.dtype_policy().name == "float32"
    assert evaluations["test"].num_examples == 64


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dataset": "sdc/cifar"}, "data set 'sdc/cifar' is unknown, expected one of"),
        ({"attention": "warm"}, "attention is 'warm', expected one of"),
        ({"num_segments": 1}, "^num_segments is 1, expected 2 or more$"),
        ({"train_split": "train[:0]"}, r"train\[:0\]"),
        ({"batch_size": 97}, "batch_size is 97"),
        ({"switch_epoch": 3}, "^switch_epoch is 3, expected 2 or less, the number of epochs$"),
        (
            {"epochs": 1},
            "^epochs is 1 with hybrid attention, expected 2 or more, or a switch_epoch",
        ),
        ({"switch_when": "focus_drive", "switch_epoch": 1}, "^switch_epoch is 1 and switch_when"),
        (
            {"switch_when": "focus_drive", "first_attention": "gumbel"},
            "^switch_when is 'focus_drive' with a hybrid of 'gumbel' and 'hard', expected two",
        ),
        ({"momentum": 2}, "^momentum is 2, expected 1 or less$"),
        ({"epochs": 1.5}, "^epochs is 1.5, expected a whole number$"),
        ({"learning_rate": "0.1"}, "^learning_rate is '0.1', expected a number$"),
        ({"seed": 2**33}, "^seed is 8589934592, expected 4294967295 or less$"),
        ({"dataset": "orthogonal", "protocol": "paper"}, "^protocol is 'paper', expected"),
        (
            {"dataset": "orthogonal", "augment": "flip"},
            r"^augment is 'flip' with segments of shape",
        ),
        ({"augment": "crop"}, "^augment is 'crop', expected one of"),
        ({"classifier_learning_rate": 0.0}, "^classifier_learning_rate is 0.0, expected a number"),
        ({"strategy": "tpu"}, "^strategy is 'tpu', no TPU was found"),
        ({"network": "cifar10"}, "network 'cifar10' does not fit segments of shape"),
        ({"initial_weights": "nowhere.weights.h5"}, "nowhere.weights.h5"),
        ({"attention": "reinforce", "baseline": "leave_one_out"}, "num_samples is 1, expected 2"),
    ],
)
def test_bad_settings_are_one_line_errors_and_leave_nothing(settings, message, tmp_path):
    with pytest.raises(ValueError, match=message) as error:
        sdc.train_and_evaluate(tmp_path / "run", **(TINY | settings))
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"clip_norm": 1.0}, "^clip_norm is 1.0 with 2 replicas, expected none"),
        ({"batch_size": 33}, "^batch_size is 33, expected a multiple of 2"),
        ({"jit_compile": "true"}, "^jit_compile is 'true' with 2 replicas, expected 'auto' or"),
    ],
)
def test_what_replicas_cannot_do_leaves_nothing(
    settings, message, tmp_path, monkeypatch, two_replicas
):
    monkeypatch.setattr(sdc, "make_strategy", lambda name: two_replicas)
    with pytest.raises(ValueError, match=message):
        sdc.train_and_evaluate(tmp_path / "run", **(TINY | settings))
    assert not (tmp_path / "run").exists()


def test_the_folder_is_free_again_after_the_run(finished, tmp_path, monkeypatch, is_locked):
    assert not is_locked(finished[0])

    def fail(model, run, *args, **options):
        assert is_locked(run.path)
        raise FloatingPointError("diverged")

    monkeypatch.setattr(sdc, "train", fail)
    with pytest.raises(FloatingPointError) as kept:  # its traceback refers to the run
        sdc.train_and_evaluate(tmp_path, **TINY)
    assert kept and not is_locked(tmp_path)


def test_a_signal_switches_and_survives_a_broken_off_run(tmp_path, monkeypatch):
    """Stopped before, at and after the switch, it ends as the unbroken one: in phase 1."""
    settings = TINY | {
        "switch_when": "focus_stalled",
        "epochs": 8,
        "learning_rate": 0.5,
        "network": "linear",
        "jit_compile": "false",
    }
    monkeypatch.setattr(
        run_settings, "FocusStalled", lambda: FocusStalled("loss", patience=1, min_delta=0.5)
    )
    sdc.train_and_evaluate(tmp_path / "unbroken", **settings)
    for epoch in (4, 5, 6):
        with monkeypatch.context() as patch:
            patch.setattr(WriteMetrics, "on_epoch_begin", _interrupt(epoch))
            with pytest.raises(KeyboardInterrupt):
                sdc.train_and_evaluate(tmp_path / "broken", **settings)
    sdc.train_and_evaluate(tmp_path / "broken", **settings)
    unbroken = keras.models.load_model(tmp_path / "unbroken/model.keras")
    assert int(unbroken.attention.phase.numpy()) == 1
    for a, b in zip(weights(tmp_path / "broken"), weights(tmp_path / "unbroken"), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_drive_to_focus_is_in_the_curves(tmp_path):
    """CSV and TensorBoard have the drives of the model as it is after each epoch."""
    settings = TINY | {"attention": "lvml", "network": "linear", "focus_drive": True}
    sdc.train_and_evaluate(tmp_path, **settings)
    last = Workdir(tmp_path, dataclasses.asdict(sdc.Settings(**settings))).read_metrics()[-1]
    model = keras.models.load_model(tmp_path / "model.keras")
    training = az.datasets.load("sdc/digits", num_segments=5, num_examples=96, seed=0)[1]
    drives = az.callbacks.focus_drive(model, *next(iter(training.source.dataset(256))))
    for name, drive in drives.items():
        assert last[f"drive_{name}"] == pytest.approx(drive, rel=1e-4)
    (events,) = (tmp_path / "tensorboard/train").iterdir()
    steps = list(tf.compat.v1.train.summary_iterator(str(events)))
    tags = {value.tag for step in steps for value in step.summary.value}
    assert {f"epoch_drive_{name}" for name in drives} <= tags


def _interrupt(at_epoch):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == at_epoch:
            raise KeyboardInterrupt

    return on_epoch_begin


TWO_RATES = {"network": "linear", "learning_rate": 0.5, "classifier_learning_rate": 0.1}


@pytest.mark.parametrize("jit_compile", [pytest.param("true", marks=pytest.mark.slow), "false"])
def test_with_augmentation_and_two_rates_it_goes_on_to_the_same_weights(
    jit_compile, tmp_path, broken_off
):
    """Broken off after the second and the fourth of six steps, within either phase."""
    settings = TINY | TWO_RATES | {"augment": "flip_and_crop", "jit_compile": jit_compile}
    settings |= {"steps_per_call": 1, "checkpoint_steps": 1}
    sdc.train_and_evaluate(tmp_path / "unbroken", **settings)
    for step in (2, 4):
        with broken_off(3):
            sdc.train_and_evaluate(tmp_path / "broken", **settings)
        newest = find_checkpoints(tmp_path / "broken/checkpoints")[0]
        assert newest.name == f"step-{step:08d}"
    sdc.train_and_evaluate(tmp_path / "broken", **settings)
    broken, unbroken = (
        keras.models.load_model(tmp_path / name / "model.keras") for name in ("broken", "unbroken")
    )
    for one, other in ((broken, unbroken), (broken.optimizer, unbroken.optimizer)):
        for a, b in zip(one.variables, other.variables, strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=a.path)
    rates = [float(one.learning_rate.numpy()) for one in _two(unbroken.optimizer)]
    assert rates == pytest.approx([0.1, 0.02])  # a fifth of both


def _two(optimizer):
    return optimizer.focus, optimizer.classifier


def test_augmentation_is_of_training_batches_only(tmp_path, monkeypatch):
    given = {}

    def keep(model, run, settings, batches, **options):
        given.update(options, batches=batches)

    monkeypatch.setattr(sdc, "train", keep)
    monkeypatch.setattr(sdc, "write_results", lambda *_, **facts: None)
    settings = TINY | TWO_RATES | {"augment": "flip", "seed": 3}
    sdc.train_and_evaluate(tmp_path, **settings)
    training, test = (
        az.datasets.load("sdc/digits", split, seed=3, num_examples=n)[1].source
        for split, n in (("train", 96), ("test", 64))
    )
    rows, _ = next(iter(given["batches"](0)))
    flipped = AUGMENTATIONS["flip"](training.gather(rows), rows, 3).numpy()
    np.testing.assert_array_equal(given["prepare"](rows), flipped)
    assert (flipped != training.gather(rows).numpy()).any()
    rows, _ = next(iter(given["validation"]))
    np.testing.assert_array_equal(given["prepare_validation"](rows), test.gather(rows))


@pytest.mark.parametrize("classifier_rate", [pytest.param(None, marks=pytest.mark.slow), 0.1])
def test_replicas_end_as_one(classifier_rate, tmp_path, monkeypatch, two_replicas):
    """The same weights but for rounding, and every test mosaic evaluated once."""
    settings = TINY | {"attention": "lvml", "network": "linear", "learning_rate": 0.5}
    settings |= {"classifier_learning_rate": classifier_rate}
    one = sdc.train_and_evaluate(tmp_path / "one", **settings)
    monkeypatch.setattr(sdc, "make_strategy", lambda name: two_replicas)
    two = sdc.train_and_evaluate(tmp_path / "two", **settings, strategy="mirrored")
    for a, b in zip(weights(tmp_path / "two"), weights(tmp_path / "one"), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    assert two["test"].num_examples == one["test"].num_examples == 64
    assert two["test"].scalars() == pytest.approx(one["test"].scalars(), abs=1e-4)


def test_settings_reach_the_model():
    info = az.datasets.load("sdc/digits", num_examples=8)[1]
    for name in ("soft", "hard", "lvml", "gumbel", "reinforce", "hybrid"):
        settings = sdc.Settings(attention=name, normalizer="sparsemax", inference="marginal")
        model = sdc.build_model(settings, info)
        assert type(model.attention) is type(az.layers.get(name))
        assert model.attention.normalizer is az.ops.sparsemax
        assert model.way_to_predict == "marginal"


def test_vectors_train_too(tmp_path):
    """Linear networks on the orthogonal data; no mosaics are drawn of what are no images."""
    settings = TINY | {"dataset": "orthogonal", "attention": "soft", "learning_rate": 0.5}
    evaluations = sdc.train_and_evaluate(tmp_path, **settings)
    assert evaluations["test"].num_examples == 64
    assert not (tmp_path / "mosaics.png").exists()
    assert (tmp_path / "results.json").exists()
