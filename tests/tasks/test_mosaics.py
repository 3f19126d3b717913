import contextlib
import csv
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import attention_zoo as az
from attention_zoo.callbacks import FocusStalled
from attention_zoo.datasets.mosaics.augmentation import AUGMENTATIONS
from attention_zoo.tasks import MosaicsTask
from attention_zoo.tasks.mosaics_config import MosaicsConfig
from attention_zoo.training import components
from attention_zoo.training import run as run_module
from attention_zoo.training.checkpoints import find_checkpoints
from attention_zoo.training.run_callbacks import WriteMetrics

TINY = {"num_examples": 96, "num_test_examples": 64, "batch_size": 32, "epochs": 2}


def weights(workdir):
    """Of the model and of its optimizer."""
    model = keras.models.load_model(workdir / "model.keras")
    return [variable.numpy() for variable in [*model.variables, *model.optimizer.variables]]


def metrics(workdir):
    """The rows of metrics.csv, numbers by name."""
    with (workdir / "metrics.csv").open(newline="") as file:
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("runs") / "hybrid"
    return workdir, az.train("mosaics", workdir, **TINY)


def test_the_curves_show_both_phases(finished):
    rows = metrics(finished[0])
    assert [row["epoch"] for row in rows] == [1, 2]
    np.testing.assert_allclose([row["learning_rate"] for row in rows], [0.05, 0.01], rtol=1e-6)
    assert {"loss", "val_loss", "focus_accuracy", "val_focus_accuracy", "FTPT"} <= rows[0].keys()


def test_weights_decay_unless_told_otherwise(finished):
    """By a hundredth of the rate a step."""
    optimizer = keras.models.load_model(finished[0] / "model.keras").optimizer
    assert optimizer.weight_decay == 0.01
    assert json.loads((finished[0] / "config.json").read_text())["weight_decay"] == 0.01
    with pytest.raises(ValueError, match="weight_decay: 0.01 before, 0.0 now"):
        az.train("mosaics", finished[0], **TINY, weight_decay=0)


@pytest.mark.usefixtures("models_alone")
@pytest.mark.parametrize("has_object", [False, True])
def test_a_run_begun_without_weight_decay_goes_on_without(tmp_path, has_object):
    """As in versions whose config.json has null for it; an optimizer of one's own has its own."""
    settings, config = TINY | {"attention": "lvml"}, tmp_path / "config.json"
    for epochs, none in ((1, None), (2, 0)):
        own = {"optimizer": keras.optimizers.SGD(0.1)} if has_object else {"weight_decay": none}
        az.train("mosaics", tmp_path, **settings | {"epochs": epochs}, **own)
        kept = json.loads(config.read_text())
        assert kept["weight_decay"] == (None if has_object else 0.0)
        config.write_text(json.dumps(kept | {"weight_decay": None}))
    assert [row["epoch"] for row in metrics(tmp_path)] == [1, 2]
    assert keras.models.load_model(tmp_path / "model.keras").optimizer.weight_decay is None


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


@pytest.mark.usefixtures("models_alone")
def test_a_disk_that_gets_full_loses_nothing(finished, tmp_path, monkeypatch, full_disk):
    """From the second epoch on no file can grow beyond 20 kB, which a checkpoint's has to."""
    with contextlib.ExitStack() as until_then, monkeypatch.context() as patch:

        def fill(self, epoch, logs=None):
            if epoch == 1:
                until_then.enter_context(full_disk(20_000))

        patch.setattr(WriteMetrics, "on_epoch_begin", fill)
        with pytest.raises(OSError, match="step-00000006 cannot be written .*, expected a disk"):
            az.train("mosaics", tmp_path, **TINY)
    names = [path.name for path in (tmp_path / "checkpoints").iterdir()]
    assert names == ["step-00000003"]
    az.train("mosaics", tmp_path, **TINY)
    for resumed, unbroken in zip(weights(tmp_path), weights(finished[0]), strict=True):
        np.testing.assert_array_equal(resumed, unbroken)


@pytest.fixture
def nan_from_epoch(monkeypatch):
    """(epoch) -> weighs examples by NaN from that epoch on."""
    endless = az.datasets.Mosaics.endless

    def spoil(epoch):
        def with_nan(mosaics, batch_size, **settings):
            sound = endless(mosaics, batch_size, **settings)
            weights = tf.data.Dataset.from_tensors(tf.ones(batch_size)).repeat(3 * epoch)
            weights = weights.concatenate(weights.map(lambda w: w * np.nan).repeat())
            zipped = tf.data.Dataset.zip(sound, weights)
            return zipped.map(lambda example, weight: (*example, weight))

        monkeypatch.setattr(az.datasets.Mosaics, "endless", with_nan)

    return spoil


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path, nan_from_epoch):
    nan_from_epoch(1)
    message = r"^loss is nan at epoch 2, by step 3, expected .* checkpoint is .*step-00000003$"
    with pytest.raises(FloatingPointError, match=message):
        az.train("mosaics", tmp_path, **TINY)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000003"]
    assert not (tmp_path / "results.json").exists()
    assert not (tmp_path / "model.keras").exists()


def test_an_update_that_spoils_the_weights_is_no_checkpoint(tmp_path):
    """The loss of the one step is finite, what it leaves is of no use."""
    settings = TINY | {"batch_size": 96, "attention": "soft", "learning_rate": 1e38}
    message = "^val_loss is nan at epoch 1, by step 1, .* checkpoint is none$"
    with pytest.raises(FloatingPointError, match=message):
        az.train("mosaics", tmp_path, **settings)
    assert not list((tmp_path / "checkpoints").iterdir())


@pytest.mark.usefixtures("no_saved_model")
@pytest.mark.low_precision
@pytest.mark.parametrize("policy", ["bfloat16", pytest.param("float16", marks=pytest.mark.slow)])
def test_mixed_precision_trains_in_its_floats(policy, tmp_path):
    settings = TINY | {"network": "linear", "attention": "lvml"}
    evaluations = az.train("mosaics", tmp_path, **settings, mixed_precision=policy)
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
            "^switch_when is 'focus_drive' with a hybrid of GumbelAttention and Hard",
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
        az.train("mosaics", tmp_path / "run", **(TINY | settings))
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
    monkeypatch.setattr(run_module, "make_strategy", lambda name: two_replicas)
    with pytest.raises(ValueError, match=message):
        az.train("mosaics", tmp_path / "run", **(TINY | settings))
    assert not (tmp_path / "run").exists()


def test_the_folder_is_free_again_after_the_run(finished, tmp_path, monkeypatch, is_locked):
    assert not is_locked(finished[0])

    def fail(loop, folder, *args, **options):
        assert is_locked(folder.path)
        raise FloatingPointError("diverged")

    monkeypatch.setattr(run_module, "run_loop", fail)
    with pytest.raises(FloatingPointError) as kept:  # its traceback refers to the run
        az.train("mosaics", tmp_path, **TINY)
    assert kept and not is_locked(tmp_path)


@pytest.mark.usefixtures("models_alone")
def test_a_signal_switches_and_survives_a_broken_off_run(tmp_path, monkeypatch):
    """Stopped at and after the switch, it ends as the unbroken one: in phase 1."""
    settings = TINY | {
        "switch_when": "focus_stalled",
        "epochs": 8,
        "learning_rate": 0.5,
        "network": "linear",
        "jit_compile": "false",
    }
    monkeypatch.setattr(
        components, "FocusStalled", lambda: FocusStalled("loss", patience=1, min_delta=0.5)
    )
    az.train("mosaics", tmp_path / "unbroken", **settings)
    for epoch in (5, 6):
        with monkeypatch.context() as patch:
            patch.setattr(WriteMetrics, "on_epoch_begin", _interrupt(epoch))
            with pytest.raises(KeyboardInterrupt):
                az.train("mosaics", tmp_path / "broken", **settings)
    az.train("mosaics", tmp_path / "broken", **settings)
    unbroken = keras.models.load_model(tmp_path / "unbroken/model.keras")
    assert int(unbroken.attention.phase.numpy()) == 1
    for a, b in zip(weights(tmp_path / "broken"), weights(tmp_path / "unbroken"), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.usefixtures("models_alone")
def test_the_drive_to_focus_is_in_the_curves(tmp_path):
    """CSV and TensorBoard have the drives of the model as it is after each epoch."""
    settings = TINY | {"attention": "lvml", "network": "linear", "focus_drive": True}
    az.train("mosaics", tmp_path, **settings)
    last = metrics(tmp_path)[-1]
    model = keras.models.load_model(tmp_path / "model.keras")
    training = az.datasets.load("sdc/digits", "train[:90%]", num_examples=96)[1]
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


@pytest.mark.slow
@pytest.mark.parametrize("jit_compile", ["true", "false"])
def test_with_augmentation_and_two_rates_it_goes_on_to_the_same_weights(
    jit_compile, tmp_path, broken_off
):
    """Broken off after the second and the fourth of six steps, within either phase."""
    settings = TINY | TWO_RATES | {"augment": "flip_and_crop", "jit_compile": jit_compile}
    settings |= {"steps_per_call": 1, "checkpoint_steps": 1}
    az.train("mosaics", tmp_path / "unbroken", **settings)
    for step in (2, 4):
        with broken_off(3):
            az.train("mosaics", tmp_path / "broken", **settings)
        newest = find_checkpoints(tmp_path / "broken/checkpoints")[0]
        assert newest.name == f"step-{step:08d}"
    az.train("mosaics", tmp_path / "broken", **settings)
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


def test_augmentation_is_of_training_batches_only():
    task = MosaicsTask()
    config = MosaicsConfig(**TINY | {"augment": "flip", "seed": 3})
    splits = task.load(config)
    prepare = task.device_inputs(splits, config, None)
    rows, _ = next(iter(task.batches(splits["train"], config, 0)))
    training = splits["train"].source
    flipped = AUGMENTATIONS["flip"](training.gather(rows), rows, 3).numpy()
    np.testing.assert_array_equal(prepare["prepare"](rows), flipped)
    assert (flipped != training.gather(rows).numpy()).any()
    rows, _ = next(iter(task.validation_batches(splits["validation"], config)))
    gathered = splits["validation"].source.gather(rows)
    np.testing.assert_array_equal(prepare["prepare_validation"](rows), gathered)


@pytest.mark.slow
@pytest.mark.parametrize("classifier_rate", [None, 0.1])
def test_replicas_end_as_one(classifier_rate, tmp_path, monkeypatch, two_replicas):
    """The same weights but for rounding, and every test mosaic evaluated once."""
    settings = TINY | {"attention": "lvml", "network": "linear", "learning_rate": 0.5}
    settings |= {"classifier_learning_rate": classifier_rate}
    one = az.train("mosaics", tmp_path / "one", **settings)
    monkeypatch.setattr(run_module, "make_strategy", lambda name: two_replicas)
    two = az.train("mosaics", tmp_path / "two", **settings, strategy="mirrored")
    for a, b in zip(weights(tmp_path / "two"), weights(tmp_path / "one"), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    assert two["test"].num_examples == one["test"].num_examples == 64
    assert two["test"].scalars() == pytest.approx(one["test"].scalars(), abs=1e-4)


def test_settings_reach_the_model():
    task, splits = MosaicsTask(), {"train": az.datasets.load("sdc/digits", num_examples=8)[1]}
    for name in ("soft", "hard", "lvml", "gumbel", "reinforce", "hybrid"):
        config = MosaicsConfig(attention=name, normalizer="sparsemax", inference="marginal")
        model = task.build(config, splits, task.attention(config))
        assert type(model.attention) is type(az.layers.get(name))
        assert model.attention.normalizer is az.ops.sparsemax
        assert model.way_to_predict == "marginal"


@pytest.mark.usefixtures("no_saved_model")
def test_vectors_train_too(tmp_path):
    """Linear networks on the orthogonal data; no mosaics are drawn of what are no images."""
    settings = TINY | {"dataset": "orthogonal", "attention": "soft", "learning_rate": 0.5}
    evaluations = az.train("mosaics", tmp_path, **settings)
    assert evaluations["test"].num_examples == 64
    assert not (tmp_path / "mosaics.png").exists()
    assert (tmp_path / "results.json").exists()
