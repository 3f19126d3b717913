import dataclasses
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from absl.testing import flagsaver

import attention_zoo as az
from attention_zoo.trainers import sdc
from attention_zoo.trainers.run_callbacks import Record
from attention_zoo.trainers.workdir import Workdir

TINY = {"num_examples": 96, "num_test_examples": 64, "batch_size": 32, "epochs": 2}


def weights(workdir):
    model = keras.models.load_model(workdir / "model.keras")
    return [variable.numpy() for variable in model.variables]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("runs") / "hybrid"
    return workdir, sdc.train_and_evaluate(workdir, **TINY)


def test_the_workdir_is_complete(finished):
    workdir, evaluations = finished
    names = {path.name for path in workdir.iterdir()}
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
        "results.json",
    }
    results = json.loads((workdir / "results.json").read_text())
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
    save = Workdir.save_checkpoint

    def break_off(run, model, epochs_done, keep):
        if epochs_done == 2:
            raise KeyboardInterrupt
        save(run, model, epochs_done, keep)

    with monkeypatch.context() as patch:
        patch.setattr(Workdir, "save_checkpoint", break_off)
        with pytest.raises(KeyboardInterrupt):
            sdc.train_and_evaluate(tmp_path, **TINY)
    assert not (tmp_path / "results.json").exists()
    sdc.train_and_evaluate(tmp_path, **TINY)
    for resumed, unbroken in zip(weights(tmp_path), weights(finished[0]), strict=True):
        np.testing.assert_array_equal(resumed, unbroken)
    unbroken = (finished[0] / "metrics.csv").read_text()
    assert (tmp_path / "metrics.csv").read_text() == unbroken


@pytest.mark.parametrize("attention", ["gumbel", "reinforce"])
def test_samplers_resume_with_the_next_sample(attention, tmp_path, monkeypatch):
    settings = TINY | {"attention": attention, "num_samples": 2, "baseline": "leave_one_out"}
    sdc.train_and_evaluate(tmp_path / "unbroken", **settings)
    with monkeypatch.context() as patch:
        patch.setattr(Record, "on_epoch_begin", _interrupt_second_epoch)
        with pytest.raises(KeyboardInterrupt):
            sdc.train_and_evaluate(tmp_path / "resumed", **settings)
    sdc.train_and_evaluate(tmp_path / "resumed", **settings)
    pairs = zip(weights(tmp_path / "resumed"), weights(tmp_path / "unbroken"), strict=True)
    for resumed, unbroken in pairs:
        np.testing.assert_array_equal(resumed, unbroken)


def _interrupt_second_epoch(self, epoch, logs=None):
    if epoch == 1:
        raise KeyboardInterrupt


def test_nan_pixels_stop_the_run_and_keep_the_last_good_checkpoint(tmp_path, monkeypatch):
    """The first epoch is sound; NaN pixels come with the second."""
    endless = az.datasets.Mosaics.endless

    def with_nan(mosaics, batch_size, **settings):
        sound = endless(mosaics, batch_size, **settings)
        spoilt = sound.map(lambda segments, truth: (segments * float("nan"), truth))
        return sound.take(3).concatenate(spoilt)

    monkeypatch.setattr(az.datasets.Mosaics, "endless", with_nan)
    message = r"^loss is nan at epoch 2, step 1, expected .* checkpoint is .*epoch-0001.*h5$"
    with pytest.raises(FloatingPointError, match=message):
        sdc.train_and_evaluate(tmp_path, **TINY)
    assert (tmp_path / "checkpoints/epoch-0001.weights.h5").exists()
    assert not (tmp_path / "results.json").exists()
    assert not (tmp_path / "model.keras").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dataset": "sdc/cifar"}, "data set 'sdc/cifar' is unknown; expected one of"),
        ({"attention": "warm"}, "attention is 'warm', expected one of"),
        ({"num_segments": 1}, "^num_segments is 1, expected 2 or more$"),
        ({"train_split": "train[:0]"}, r"train\[:0\]"),
        ({"batch_size": 97}, "batch_size is 97"),
        ({"switch_epoch": 3}, "^switch_epoch is 3, expected 2 or less, the number of epochs$"),
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


def test_the_command_prints_one_line_for_bad_input(tmp_path):
    message = "^error: num_segments is 1, expected 2 or more$"
    set_flags = flagsaver.flagsaver(**_flags(tmp_path, num_segments=1))
    with set_flags, pytest.raises(SystemExit, match=message):
        sdc.main(["sdc"])


def _flags(workdir, **changes):
    from absl import flags

    if "workdir" not in flags.FLAGS:
        sdc.define()
    if not flags.FLAGS.is_parsed():
        flags.FLAGS(["sdc"])
    return {"workdir": str(workdir)} | changes


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
