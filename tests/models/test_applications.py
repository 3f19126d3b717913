"""Networks of `keras.applications`, without their weights: pixels as each takes them."""

import importlib

import keras
import numpy as np
import pytest

from attention_zoo.models import APPLICATIONS, Pixels, application, unfreeze
from attention_zoo.models.networks import applications
from attention_zoo.models.networks.image_encoders import load_encoder

MODULES = {
    "convnext": "ConvNeXtTiny",
    "densenet": "DenseNet121",
    "efficientnet": "EfficientNetB0",
    "efficientnet_v2": "EfficientNetV2B0",
    "inception_resnet_v2": "InceptionResNetV2",
    "inception_v3": "InceptionV3",
    "mobilenet": "MobileNet",
    "mobilenet_v2": "MobileNetV2",
    "mobilenet_v3": "MobileNetV3Small",
    "nasnet": "NASNetMobile",
    "resnet": "ResNet50",
    "resnet_v2": "ResNet50V2",
    "vgg16": "VGG16",
    "vgg19": "VGG19",
    "xception": "Xception",
}


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(256, size=(2, 6, 6, 3)).astype("uint8")


def test_every_application_has_its_scale():
    found = {name for name in dir(keras.applications) if name[0].isupper()}
    assert APPLICATIONS.keys() == found


@pytest.mark.parametrize("module", MODULES)
def test_pixels_are_scaled_as_the_application_scales_them(module, images):
    preprocess = importlib.import_module(f"keras.applications.{module}").preprocess_input
    expected = preprocess(images.astype("float32"), data_format="channels_last")
    to = APPLICATIONS[MODULES[module]]
    np.testing.assert_allclose(Pixels(to)(images), expected, rtol=1e-5, atol=1e-4)
    scaled = (images - np.float32(127.5)) / np.float32(127.5)
    given = Pixels(to, given="scaled")
    np.testing.assert_allclose(given(scaled), expected, rtol=1e-5, atol=1e-4)


def test_images_are_resized(images):
    layer = Pixels("scaled", size=3)
    expected = keras.ops.image.resize(images.astype("float32"), (3, 3)) / 127.5 - 1.0
    np.testing.assert_allclose(layer(images), expected, atol=1e-6)
    assert layer.compute_output_shape((None, 6, 6, 3)) == (None, 3, 3, 3)
    twin = Pixels.from_config(layer.get_config())
    np.testing.assert_array_equal(twin(images), layer(images))


@pytest.mark.parametrize("options", [{"to": "half"}, {"given": "caffe"}, {"size": 0}])
def test_bad_pixels_are_refused(options):
    with pytest.raises(ValueError, match=f"^{next(iter(options))} is .*, expected"):
        Pixels(**options)


def test_application_scales_and_pools(images):
    encoder = application("MobileNetV2", 32, weights=None, pooling="avg", given="scaled")
    assert encoder.input_shape == (None, None, None, 3)
    assert encoder.output_shape == (None, 1280)
    network = encoder.layers[-1]
    x = keras.ops.image.resize((images - 127.5) / np.float32(127.5), (32, 32))
    np.testing.assert_allclose(encoder((images - 127.5) / 127.5), network(x), atol=1e-4)


def test_unfrozen_it_is_trained_but_for_its_batch_normalisation(images):
    encoder = application("MobileNetV2", 32, weights=None, pooling="avg")
    encoder.trainable = False
    unfreeze(encoder)
    norms = [x for x in encoder._flatten_layers() if isinstance(x, keras.layers.BatchNormalization)]
    others = [x for x in encoder._flatten_layers() if x.weights and not x.trainable]
    assert norms and not any(layer.trainable for layer in norms) and set(others) == set(norms)
    np.testing.assert_allclose(
        encoder(images, training=True), encoder(images, training=False), atol=1e-5
    )
    assert any(variable.path.endswith("kernel") for variable in encoder.trainable_variables)


def test_unknown_application_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match=r"application is 'AlexNet', expected one of .*VGG19"):
        application("AlexNet", 32)


def test_image_that_is_too_small_is_said():
    with pytest.raises(ValueError, match="^InceptionV3 cannot be made: Input size must be at l"):
        application("InceptionV3", 32, weights=None)


def test_weights_that_cannot_be_fetched_are_said(monkeypatch):
    def unreachable(**options):
        raise Exception("URL fetch failure on https://…: None -- no route\nto host")

    monkeypatch.setattr(applications.keras.applications, "EfficientNetB0", unreachable)
    with pytest.raises(FileNotFoundError, match=r"^encoder EfficientNetB0 cannot be made \(URL"):
        load_encoder("EfficientNetB0", 32)
