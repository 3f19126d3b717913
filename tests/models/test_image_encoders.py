import keras
import numpy as np
import pytest

from attention_zoo import datasets
from attention_zoo.datasets.captions import feature_cache
from attention_zoo.models.networks import image_encoders
from attention_zoo.models.networks.image_encoders import fine_tune, load_encoder, vgg19


def test_vgg19_is_that_of_keras_with_its_own_preprocessing():
    encoder = vgg19(32, weights=None)
    assert encoder.output_shape == (None, 2, 2, 512)
    x = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3)).astype("float32")
    network = encoder.get_layer("vgg19")
    expected = network(keras.applications.vgg19.preprocess_input(x.copy()))
    np.testing.assert_allclose(encoder(x), expected, rtol=1e-4, atol=1e-4)
    assert [layer.name for layer in network.layers][-1] == "block5_conv4"
    copy = keras.models.clone_model(encoder)
    copy.set_weights(encoder.get_weights())
    np.testing.assert_allclose(copy(x), expected, rtol=1e-4, atol=1e-4)


def test_the_same_encoder_again_has_the_same_cache():
    first, second = vgg19(32, weights=None), vgg19(32, weights=None)
    second.set_weights(first.get_weights())
    pictures = datasets.Pictures(np.array([0]), [("a.png", None, 1)], (32, 32))
    names = {feature_cache.fingerprint(some, pictures, "float16") for some in (first, second)}
    assert len(names) == 1


def test_weights_of_a_file_are_loaded(tmp_path):
    theirs = keras.applications.VGG19(include_top=False, weights=None)
    path = tmp_path / "vgg19.weights.h5"
    theirs.save_weights(path)
    ours = vgg19(32, weights=path).get_layer("vgg19").get_weights()
    for weight, expected in zip(ours, theirs.get_weights(), strict=True):
        np.testing.assert_array_equal(weight, expected)


def test_without_weights_it_is_told_what_to_do(monkeypatch):
    def unreachable(**options):
        raise Exception("URL fetch failure on https://…: None -- no route\nto host")

    monkeypatch.setattr(image_encoders.keras.applications, "VGG19", unreachable)
    with pytest.raises(FileNotFoundError, match=r"^encoder VGG19 cannot be made \(URL fetch fail"):
        load_encoder(None, 32)


@pytest.mark.parametrize(
    ("shape", "layer", "message"),
    [
        (
            (32, 32, 3),
            keras.layers.Flatten,
            r"gives shape \(None, 3072\), expected a .keras file",
        ),
        (
            (32,),
            keras.layers.ReLU,
            r"takes shape \(None, 32\), expected a .keras file of a model from pictures",
        ),
        ((32, 32, 1), keras.layers.ReLU, r"takes shape \(None, 32, 32, 1\), expected"),
        (
            (24, 24, 3),
            keras.layers.ReLU,
            r"^image_size is 32, expected 24: encoder .* takes \(24, 24\)$",
        ),
    ],
)
def test_bad_encoders(shape, layer, message, tmp_path):
    path = tmp_path / "encoder.keras"
    inputs = keras.Input(shape)
    keras.Model(inputs, layer()(inputs)).save(path)
    with pytest.raises(ValueError, match=message):
        load_encoder(path, 32)
    with pytest.raises(ValueError, match="encoder .*other.keras cannot be loaded"):
        load_encoder(tmp_path / "other.keras", 32)


def test_pictures_of_any_size(tmp_path):
    inputs = keras.Input((None, None, 3))
    keras.Model(inputs, keras.layers.Conv2D(4, 3)(inputs)).save(tmp_path / "encoder.keras")
    assert load_encoder(tmp_path / "encoder.keras", 32).output_shape == (None, None, None, 4)


def test_fine_tuning_leaves_the_order_of_colours(tmp_path):
    """And trains what the file has as frozen, for that is asked for."""
    saved = vgg19(32, weights=None)
    saved.trainable = False
    saved.save(tmp_path / "encoder.keras")
    encoder = load_encoder(tmp_path / "encoder.keras", 32)
    fine_tune(encoder, True)
    colours = encoder.get_layer("blue_green_red")
    assert not colours.trainable
    assert len(encoder.trainable_variables) == len(encoder.variables) - 1
    fine_tune(encoder, False)
    assert not encoder.trainable_variables
