"""Mosaics under a pretrained encoder: frozen, its features computed once, or fine-tuned."""

import json

import keras
import numpy as np
import pytest

import attention_zoo as az
from attention_zoo.datasets.captions import feature_cache
from attention_zoo.tasks import MosaicsTask
from attention_zoo.training.run import build_model

SETTINGS = {"attention": "lvml", "batch_size": 16, "epochs": 1, "learning_rate": 0.01}


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return rng.integers(256, size=(60, 8, 8, 3)).astype("uint8"), np.arange(60) % 4


@pytest.fixture(scope="module")
def data(images):
    def mosaics(part, seed):
        pixels, labels = (x[part] for x in images)
        return az.datasets.sdc.from_arrays(
            pixels, labels, foreground_classes=[0, 1], num_segments=3, num_examples=32, seed=seed
        )

    return {"train": mosaics(slice(40), 0), "test": mosaics(slice(40, 60), 1)}


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """The path of an encoder with batch normalisation, of bytes 16×16."""
    inputs = keras.Input((16, 16, 3), name="pictures")
    x = keras.layers.Rescaling(1 / 255, name="scale")(inputs)
    x = keras.layers.Conv2D(4, 8, strides=8, name="conv")(x)
    x = keras.layers.BatchNormalization(name="norm")(x)
    path = tmp_path_factory.mktemp("encoder") / "encoder.keras"
    keras.Model(inputs, x, name="backbone").save(path)
    return str(path)


@pytest.fixture(scope="module")
def frozen(data, encoder, tmp_path_factory):
    """The folder of a run with a frozen encoder, and its evaluations."""
    folder = tmp_path_factory.mktemp("runs") / "frozen"
    settings = SETTINGS | {"encoder": encoder, "image_size": 16, "feature_dtype": "float32"}
    return folder, az.train("mosaics", folder, data=data, **settings)


def backbone(model):
    """The encoder's own model within a model's."""
    network = getattr(model.encoder, "encoder", model.encoder).network
    return network.get_layer("backbone")


def test_frozen_encoder_stays_as_it_was(frozen, encoder):
    model = keras.saving.load_model(frozen[0] / "model.keras")
    pairs = zip(
        backbone(model).get_weights(), keras.saving.load_model(encoder).get_weights(), strict=True
    )
    for weight, before in pairs:
        np.testing.assert_array_equal(weight, before)


def test_trained_on_features_it_says_the_same_of_images(frozen, data):
    folder, evaluations = frozen
    model = keras.saving.load_model(folder / "model.keras")
    found = az.evaluate(model, data["test"].dataset(16))
    assert found.scalars() == pytest.approx(evaluations["test"].scalars(), abs=1e-5)


def test_run_page_shows_images_not_features(frozen):
    folder, _ = frozen
    assert (folder / "mosaics.png").is_file()
    examples = json.loads((folder / "examples.json").read_text())
    assert len(examples["best"][0]["pictures"]) == 3


def test_features_are_computed_once_for_all_runs(frozen, data, encoder, monkeypatch):
    def computed(*arguments):
        raise AssertionError("computed again")

    monkeypatch.setattr(feature_cache, "compute", computed)
    task = MosaicsTask()
    options = {"encoder": encoder, "image_size": 16, "feature_dtype": "float32"}
    config = task.config(**SETTINGS | options | {"attention": "soft"})
    splits = {name: task.accept(one, config) for name, one in data.items()}
    model = build_model(task, config, splits)
    given = task.inputs(splits, model, config, frozen[0])
    assert {name: split.segment_shape for name, split in given.items()} == dict.fromkeys(data, (4,))


def test_finished_run_is_evaluated_again(frozen, data):
    folder, evaluations = frozen
    again = az.tasks.evaluate_finished(folder, data=data["test"])
    assert again.scalars() == pytest.approx(evaluations["test"].scalars(), abs=1e-6)


def test_fine_tuned_encoder_has_a_rate_of_its_own(data, encoder):
    task = MosaicsTask()
    options = {"encoder": encoder, "image_size": 16, "fine_tune_encoder": True}
    config = task.config(**SETTINGS | options)
    splits = {name: task.accept(one, config) for name, one in data.items()}
    model = build_model(task, config, splits)
    assert task.rates(config) == pytest.approx(
        {"focus": 0.01, "classifier": 0.01, "encoder": 0.001}
    )
    variables = backbone(model).variables
    before = [variable.numpy() for variable in variables]
    segments, truth = next(iter(data["train"].dataset(16)))
    model.train_on_batch(segments, truth)
    for variable, value in zip(variables, before, strict=True):
        is_kept = "norm" in variable.path
        assert np.all(variable.numpy() == value) if is_kept else np.any(variable.numpy() != value)
    assert task.inputs(splits, model, config, None) is splits


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fine_tune_encoder": True}, "fine_tune_encoder is True without encoder, expected it set"),
        ({"image_size": 16}, "image_size is 16 without encoder, expected it set too"),
        ({"feature_dtype": "float32"}, "feature_dtype is float32 without encoder, expected it s"),
        (
            {"encoder": "{}", "fine_tune_encoder": True, "features_dir": "here"},
            "features_dir is 'here' with fine_tune_encoder, expected it unset: it has no effect",
        ),
        (
            {"encoder": "{}", "encoder_learning_rate": 0.1},
            "rate is 0.1 without fine_tune_encoder, e",
        ),
        ({"encoder": "nothing.keras"}, r"encoder nothing.keras cannot be loaded \(.*, expected a"),
        ({"encoder": "mine"}, "or a name of keras.applications"),
        ({"encoder": "{}", "image_size": 24}, "image_size is 24, expected 16: encoder"),
        ({"encoder": "{}", "augment": "flip"}, "augment is 'flip' with a frozen encoder"),
    ],
)
def test_settings_that_do_not_fit_are_refused(data, encoder, tmp_path, options, words):
    options = {k: encoder if v == "{}" else v for k, v in options.items()}
    with pytest.raises(ValueError, match=words) as refusal:
        az.train("mosaics", tmp_path, data=data, **SETTINGS | options)
    assert "\n" not in str(refusal.value)


def test_images_that_do_not_fit_are_refused(images, data, encoder, tmp_path):
    pixels, labels = images
    options = {"foreground_classes": [0, 1], "num_segments": 3, "num_examples": 32}
    settings = SETTINGS | {"encoder": encoder, "image_size": 16}
    for wrong, words in (
        (pixels[..., :1], r"segments have shape \(8, 8, 1\) with the encoder .* expected images"),
        (pixels / np.float32(255), "images are float32, expected bytes"),
    ):
        mosaics = az.datasets.sdc.from_arrays(wrong, labels, **options)
        with pytest.raises(ValueError, match=words):
            az.train("mosaics", tmp_path, data=mosaics, **settings)
