"""Encoders of pictures: VGG19 as the paper has it, one of Keras's, or any Keras model of a file."""

import keras
import numpy as np

from attention_zoo._errors import first_line
from attention_zoo._paths import expanded
from attention_zoo.models.networks.applications import (
    APPLICATIONS,
    application,
    pretrained,
    unfreeze,
)
from attention_zoo.models.networks.pixels import Pixels


def load_encoder(path, image_size, ranks=(3, 4)):
    """The encoder of a `.keras` file or of `keras.applications`; VGG19 where the path is None.

    Args:
        path: of a model from RGB (b, h, w, 3) in 0..255 to a grid of features (b, h', w', d) or
            to regions (b, R, d); or a name of `APPLICATIONS`, with the weights of ImageNet.
        image_size: height and width of the pictures it is to take.
        ranks: that the output of a file's model may have.

    Raises:
        ValueError: no such file, or no such model. FileNotFoundError: VGG19's weights are not
        there and cannot be fetched.
    """
    if path is None:
        return vgg19(image_size)
    if str(path) in APPLICATIONS:
        return application(str(path), image_size)
    try:
        encoder = keras.models.load_model(expanded(path))
    except (OSError, ValueError, TypeError) as error:
        reason = first_line(error)
        raise ValueError(f"encoder {path} cannot be loaded ({reason}), {_EXPECTED}") from error
    _check(encoder, path, image_size, ranks)
    return encoder


def segment_network(path, segment_shape, image_size=None):
    """A pretrained network of one segment that is an image: (n, h, w, 3) in [-1, 1] -> (n, d).

    It sees 0..255. A feature map is averaged over its places, features (n, d) are taken as they
    are.

    Args:
        path: as of `load_encoder`; the model of a file may give (b, d), too.
        segment_shape: (h, w, 3).
        image_size: height and width that images are resized to; None leaves them as they are.

    Raises:
        ValueError: segments that are no images of three channels, or as of `load_encoder`.
        FileNotFoundError: as of `load_encoder`.
    """
    h, w = (*segment_shape, 0)[:2]
    if len(segment_shape) != 3 or segment_shape[2] != 3 or (image_size is None and h != w):
        raise ValueError(
            f"segments have shape {tuple(segment_shape)} with the encoder {path}, expected images "
            "(h, w, 3), square ones or an image_size"
        )
    images = keras.Input(segment_shape, name="images")
    pixels = Pixels("bytes", "scaled", image_size, name="bytes")(images)
    features = load_encoder(path, image_size or h, ranks=(2, 3, 4))(pixels)
    if len(features.shape) > 2:
        pooling = {3: keras.layers.GlobalAveragePooling1D, 4: keras.layers.GlobalAveragePooling2D}
        features = pooling[len(features.shape)](name="mean")(features)
    return keras.Model(images, features, name="segment_network")


def fine_tune(encoder, is_trained):
    """Has an encoder be trained, as `unfreeze` has it, or not at all.

    That VGG19 reads blue before red is no matter of training.
    """
    if not is_trained:
        encoder.trainable = False
        return
    unfreeze(encoder)
    for layer in encoder._flatten_layers():
        if layer.name == _COLOURS:
            layer.trainable = False


def vgg19(image_size, weights="imagenet"):
    """VGG19 up to its last convolution, block5_conv4: 14 × 14 regions of 512 features at 224 px.

    Reference: Simonyan and Zisserman, arXiv:1409.1556; the layer is that of arXiv:1502.03044.
    """
    shape = (image_size, image_size, 3)
    pixels = keras.Input(shape, name="pixels")  # named, for the config has its name
    network = pretrained(
        "VGG19", include_top=False, weights=weights, input_tensor=pixels, input_shape=shape
    )
    inputs = keras.Input(shape, name="image")
    # Its weights expect blue, green, red, each less its mean over ImageNet.
    x = keras.layers.Normalization(mean=_MEANS, variance=[1.0] * 3, name="less_mean")(inputs)
    x = keras.layers.Conv2D(3, 1, use_bias=False, trainable=False, name=_COLOURS)(x)
    features = keras.Model(pixels, network.get_layer("block5_conv4").output, name="vgg19")
    encoder = keras.Model(inputs, features(x), name="vgg19_encoder")
    encoder.get_layer(_COLOURS).set_weights([np.eye(3)[None, None, ::-1]])
    return encoder


_COLOURS = "blue_green_red"
_MEANS = [123.68, 116.779, 103.939]  # red, green, blue
_EXPECTED = (
    "expected a .keras file of a model from pictures (b, h, w, 3) to (b, h', w', d), or a name of "
    "keras.applications"
)


def _check(encoder, path, image_size, ranks):
    taken, given = (getattr(encoder, name, None) for name in ("input_shape", "output_shape"))
    if not isinstance(taken, tuple) or len(taken) != 4 or taken[-1] not in (3, None):
        raise ValueError(f"encoder {path} takes shape {taken}, {_EXPECTED}")
    if not isinstance(given, tuple) or len(given) not in ranks:
        raise ValueError(f"encoder {path} gives shape {given}, {_EXPECTED}")
    if any(size not in (image_size, None) for size in taken[1:3]):
        raise ValueError(
            f"image_size is {image_size}, expected {taken[1]}: encoder {path} takes {taken[1:3]}"
        )
