"""Bags under a network of a file or of keras.applications: of pictures as mosaics have it."""

import keras
import numpy as np
import pytest

import attention_zoo as az
from attention_zoo._errors import one_line
from attention_zoo.models.networks import image_encoders
from attention_zoo.models.networks.applications import application
from attention_zoo.tasks import BagsTask
from attention_zoo.training.run import build_model
from attention_zoo.training.task import config_of

TASK = BagsTask()


def bags_of(shape, dtype="uint8", n=16):
    """Bags of 2 to 5 instances; in positive ones the first is 200 or more everywhere."""
    rng = np.random.default_rng(0)
    arrays = [rng.integers(60, size=(rng.integers(2, 6), *shape)).astype(dtype) for _ in range(n)]
    for array in arrays[1::2]:
        array[0] += np.asarray(190, dtype)
    return az.datasets.Bags.from_lists(arrays, np.arange(n) % 2)


def saved(path, *layers, shape=(8, 8, 3)):
    keras.Sequential([keras.Input(shape), *layers], name="backbone").save(path)
    return str(path)


def built(data, **settings):
    """(config, model, splits), compiled, of a run on data."""
    config = config_of(TASK, {"learning_rate": 0.01} | settings)
    splits = {"train": TASK.accept(data, config)}
    TASK.check(config, splits)
    return config, build_model(TASK, config, splits), splits


def backbone(model):
    """The network of the file within a model."""
    layers = model.encoder.network._flatten_layers()
    return next(layer for layer in layers if layer.name == "backbone")


@pytest.fixture(scope="module")
def pictures():
    return bags_of((8, 8, 3))


@pytest.fixture(scope="module")
def with_norm(tmp_path_factory):
    """The path of a network with batch normalisation and dropout, of pictures 16×16."""
    return saved(
        tmp_path_factory.mktemp("encoder") / "encoder.keras",
        keras.layers.Rescaling(1 / 255),
        keras.layers.Conv2D(4, 8, strides=8),
        keras.layers.BatchNormalization(name="norm"),
        keras.layers.Dropout(0.5),
        shape=(16, 16, 3),
    )


@pytest.mark.parametrize(
    "pooling", [keras.layers.GlobalAveragePooling2D(), keras.layers.AveragePooling2D(4)]
)
def test_a_network_of_pictures_sees_0_to_255_and_its_map_is_averaged(pooling, pictures, tmp_path):
    _, model, _ = built(pictures, encoder=saved(tmp_path / "encoder.keras", pooling))
    inputs, _ = next(iter(pictures.dataset(4)))
    features, mask = model.encode(inputs)
    colours = np.mean(inputs["segments"], axis=(2, 3), dtype="float64")
    np.testing.assert_allclose(features[mask], colours[mask], rtol=1e-4, atol=1e-3)


def test_mosaics_take_the_same_file_of_features(tmp_path):
    path = saved(tmp_path / "encoder.keras", keras.layers.GlobalAveragePooling2D())
    network = image_encoders.segment_network(path, (8, 8, 3))
    x = np.random.default_rng(0).uniform(-1, 1, (2, 8, 8, 3)).astype("float32")
    np.testing.assert_allclose(network(x), (x * 127.5 + 127.5).mean(axis=(1, 2)), rtol=1e-4)


def test_an_application_by_name_or_of_a_file(pictures, tmp_path, monkeypatch):
    def without_weights(name, image_size):
        return application(name, image_size, weights=None)

    monkeypatch.setattr(image_encoders, "application", without_weights)
    network = without_weights("MobileNetV3Small", 32)
    network.save(tmp_path / "encoder.keras")
    named = built(pictures, encoder="MobileNetV3Small", image_size=32)[1]
    of_file = built(pictures, encoder=str(tmp_path / "encoder.keras"), image_size=32)[1]
    assert named.classifier.input_shape == of_file.classifier.input_shape == (None, 576)


@pytest.mark.parametrize("attention", ["lvml", "max", "instance_max"])
def test_it_is_frozen(attention, pictures, with_norm):
    _, model, _ = built(pictures, encoder=with_norm, image_size=16, attention=attention)
    before = [value.copy() for value in backbone(model).get_weights()]
    inputs, truth = next(iter(pictures.dataset(8)))
    heads = [value.numpy() for value in model.classifier.variables]
    for _ in range(2):
        model.train_on_batch(inputs, truth)
    for value, same in zip(backbone(model).get_weights(), before, strict=True):
        np.testing.assert_array_equal(value, same)
    assert attention == "instance_max" or any(
        np.any(value.numpy() != old)
        for value, old in zip(model.classifier.variables, heads, strict=True)
    )


def test_frozen_it_is_as_in_prediction_while_the_rest_is_trained(pictures, with_norm):
    _, model, _ = built(pictures, encoder=with_norm, image_size=16)
    images = np.zeros((5, 8, 8, 3), "float32")
    trained = model.encoder.network(images, training=True)
    np.testing.assert_array_equal(trained, model.encoder.network(images, training=False))


def test_fine_tuned_all_but_batch_normalisation_learns_at_a_rate_of_its_own(pictures, with_norm):
    options = {"encoder": with_norm, "image_size": 16, "fine_tune_encoder": True}
    config, model, _ = built(pictures, **options)
    rates = {"focus": 0.01, "classifier": 0.01, "encoder": 0.001}
    assert TASK.rates(config) == pytest.approx(rates)
    given = built(pictures, **options, encoder_learning_rate=0.5)[0]
    assert TASK.rates(given)["encoder"] == 0.5
    with pytest.raises(ValueError, match="^layer_decay is 0.5, .* none of its layers .* above"):
        built(pictures, **options, layer_decay=0.5)
    variables = backbone(model).variables
    before = [variable.numpy() for variable in variables]
    model.train_on_batch(*next(iter(pictures.dataset(8))))
    for variable, value in zip(variables, before, strict=True):
        if "seed" in variable.path:
            continue
        is_kept = "norm" in variable.path
        assert np.all(variable.numpy() == value) if is_kept else np.any(variable.numpy() != value)


def test_from_pictures_to_figures_and_a_saved_model(pictures, tmp_path):
    """Mean colours tell the classes apart, and dropout is nowhere."""
    path = saved(
        tmp_path / "encoder.keras",
        keras.layers.Rescaling(1 / 255),
        keras.layers.AveragePooling2D(4),
    )
    settings = {"encoder": path, "epochs": 60, "batch_size": 4, "learning_rate": 0.05}
    data = {"train": pictures, "test": bags_of((8, 8, 3), n=12)}
    found = az.train("bags", tmp_path / "run", data=data, **settings)
    assert found["test"].by_way["soft"]["auroc"] == 1.0
    again = az.tasks.evaluate_finished(tmp_path / "run", data=data["test"])
    assert again.scalars() == pytest.approx(found["test"].scalars(), abs=1e-6)
    model = keras.saving.load_model(tmp_path / "run" / "model.keras")
    before = keras.saving.load_model(path)
    assert len(model.encoder.trainable_variables) == len(before.trainable_variables) == 0


def test_folds_of_pictures_are_trained_alike(pictures, with_norm, tmp_path):
    settings = {"encoder": with_norm, "image_size": 16, "epochs": 1, "batch_size": 4}
    found = az.tasks.cross_validate(tmp_path, data=pictures, folds=2, tell=str, **settings)
    assert found.folds == 2


# --- vectors, and images that are none of RGB in bytes: as before ---


@pytest.mark.parametrize(
    ("shape", "dtype"), [((6,), "float32"), ((8, 8, 3), "float32"), ((8, 8, 1), "uint8")]
)
def test_others_are_given_as_the_model_has_them_and_the_network_is_trained(shape, dtype, tmp_path):
    data = bags_of(shape, dtype)
    path = saved(tmp_path / "encoder.keras", keras.layers.Flatten(), shape=shape)
    model = built(data, encoder=path)[1]
    inputs, _ = next(iter(data.dataset(4)))
    features, mask = model.encode(inputs)
    given = np.reshape(inputs["segments"], (*mask.shape, -1)).astype("float32")
    given = given / 127.5 - 1 if dtype == "uint8" else given
    np.testing.assert_allclose(features[mask], given[mask], atol=1e-5)
    layers = keras.layers.Flatten(), keras.layers.Dense(3)
    path = saved(tmp_path / "trained.keras", *layers, shape=shape)
    assert len(built(data, encoder=path)[1].encoder.trainable_variables) == 2


def test_a_layer_that_is_called_standardize_need_not_be_ours(tmp_path):
    norm = keras.layers.Normalization(mean=[1.0] * 6, variance=[4.0] * 6, name="standardize")
    path = saved(tmp_path / "encoder.keras", norm, shape=(6,))
    data = bags_of((6,), "float32")
    inputs, _ = next(iter(data.dataset(4)))
    features, mask = built(data, encoder=path)[1].encode(inputs)
    given = (inputs["segments"].numpy() - 1) / 2
    np.testing.assert_allclose(features[mask], given[mask], rtol=1e-5)


@keras.saving.register_keras_serializable(package="tests_of_bags")
class Own(keras.Model):
    """A subclassed model, which says nothing of the shape that it takes."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(2)

    def call(self, x):
        return self.dense(x)


def test_networks_that_are_none_of_one_instance(tmp_path):
    data = bags_of((6,), "float32")
    own = Own()
    own(np.zeros((1, 6), "float32"))
    own.save(tmp_path / "own.keras")
    two = [keras.Input((6,)), keras.Input((6,))]
    keras.Model(two, keras.layers.Add()(two)).save(tmp_path / "two.keras")
    for name in ("own", "two"):
        with pytest.raises(ValueError, match=f"{name}.keras takes .*, expected instances") as error:
            built(data, encoder=str(tmp_path / f"{name}.keras"))
        assert one_line(error.value) == str(error.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"fine_tune_encoder": True}, "^fine_tune_encoder is True without encoder, expected it se"),
        ({"image_size": 16}, "^image_size is 16 without encoder, expected it set too"),
        (
            {"encoder": "{}", "encoder_learning_rate": 0.1},
            "^encoder_learning_rate is 0.1 without f",
        ),
        ({"encoder": "{}", "layer_decay": 0.5}, "^layer_decay is 0.5 without fine_tune_encoder"),
        ({"encoder": "{}", "frozen_epochs": 2}, "^frozen_epochs is 2 without fine_tune_encoder"),
        ({"encoder": "{}", "image_size": 24}, "^image_size is 24, expected 16: encoder"),
        ({"encoder": "nothing.keras"}, r"^encoder nothing.keras cannot be loaded \(.*, expected a"),
        ({"standardize": True}, r"^standardize is True with instances \(8, 8, 3\), expected it un"),
        (
            {"encoder": "{}", "fine_tune_encoder": True, "attention": "mean", "image_size": 16},
            "^the encoder has rates of its own with mean",
        ),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, words, pictures, with_norm, tmp_path):
    settings = {k: with_norm if v == "{}" else v for k, v in settings.items()}
    with pytest.raises(ValueError, match=words) as refusal:
        az.train("bags", tmp_path, data=pictures, epochs=3, batch_size=4, **settings)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"image_size": 16}, r"^image_size is 16 with instances \(6,\) of float32, whose network"),
        ({"fine_tune_encoder": True}, r"^fine_tune_encoder is True with instances \(6,\)"),
        ({"standardize": True}, "^standardize is True with an encoder, expected it unset"),
    ],
)
def test_settings_that_vectors_have_no_use_for_are_refused(settings, words, tmp_path):
    path = saved(tmp_path / "encoder.keras", keras.layers.Dense(2), shape=(6,))
    with pytest.raises(ValueError, match=words):
        built(bags_of((6,), "float32"), encoder=path, **settings)
