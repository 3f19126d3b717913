"""The backbones of `keras.applications` by name, each with the scaling of pixels it takes."""

import keras

from attention_zoo._errors import first_line
from attention_zoo.models.networks.pixels import Pixels

_BY_SCALE = {
    "bytes": (
        *(f"ConvNeXt{size}" for size in ("Tiny", "Small", "Base", "Large", "XLarge")),
        *(f"EfficientNetB{size}" for size in range(8)),
        *(f"EfficientNetV2{size}" for size in ("B0", "B1", "B2", "B3", "S", "M", "L")),
        *("MobileNetV3Small", "MobileNetV3Large"),
    ),
    "scaled": (
        *("InceptionResNetV2", "InceptionV3", "MobileNet", "MobileNetV2", "NASNetLarge"),
        *("NASNetMobile", "ResNet50V2", "ResNet101V2", "ResNet152V2", "Xception"),
    ),
    "caffe": ("ResNet50", "ResNet101", "ResNet152", "VGG16", "VGG19"),
    "torch": ("DenseNet121", "DenseNet169", "DenseNet201"),
}
APPLICATIONS = {name: scale for scale, names in _BY_SCALE.items() for name in names}


def application(name, image_size, *, weights="imagenet", pooling=None, given="bytes"):
    """A network of `keras.applications` without its top, from pixels to features.

    Args:
        name: such as "MobileNetV3Small" or "EfficientNetB0".
        image_size: height and width that images are resized to.
        weights: "imagenet", which Keras fetches; the path of a file of weights; or None.
        pooling: None for the feature map (n, h, w, d); "avg" or "max" for features (n, d).
        given: "bytes", RGB in 0..255; or "scaled", in [-1, 1], as mosaics are.

    Returns:
        A Keras model, images (n, h, w, 3) of any size -> features.

    Raises:
        ValueError: an unknown name, or an image_size that the network does not take.
        FileNotFoundError: the weights are not there and cannot be fetched.
    """
    if name not in APPLICATIONS:
        raise ValueError(f"application is {name!r}, expected one of {sorted(APPLICATIONS)}")
    images = keras.Input((None, None, 3), name="images")
    x = Pixels(APPLICATIONS[name], given, image_size, name="pixels")(images)
    network = pretrained(
        name, include_top=False, weights=weights, pooling=pooling, input_shape=tuple(x.shape[1:])
    )
    return keras.Model(images, network(x), name=f"{name}_encoder")


def unfreeze(network):
    """Has a pretrained network be trained, all but its batch normalisation.

    That keeps the statistics which go with the weights: those of a few small batches would take
    their place.

    Args:
        network: Keras layer or model.
    """
    network.trainable = True
    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False


def pretrained(name, **options):
    """A network of `keras.applications`, with the errors of `application`."""
    try:
        return getattr(keras.applications, name)(**options)
    except ValueError as error:
        raise ValueError(f"{name} cannot be made: {first_line(error)}") from error
    except Exception as error:  # what Keras raises where there is no network is an Exception
        raise FileNotFoundError(
            f"encoder {name} cannot be made ({first_line(error)}), expected its weights or a "
            "network to fetch them: name another encoder as a .keras file"
        ) from error
