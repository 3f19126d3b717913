"""Regions: what a network makes of one picture, a segment a region."""

import math

import keras
from keras import ops

from attention_zoo._checks import as_count
from attention_zoo.layers.of_network import OfNetwork
from attention_zoo.layers.output_spec import output_spec


@keras.saving.register_keras_serializable(package="attention_zoo")
class Regions(OfNetwork):
    """The feature map of a picture as segments, line by line.

        segment i w + j = network(picture)[i, j]

    An encoder for `FocusClassifier`, whose attention then chooses a place of the picture:
    `Regions(keras.applications.MobileNetV3Small(include_top=False))`. The network reads the whole
    picture: a region knows something of its neighbours, also where these are taken away, as
    `explain` does; those of `Patches` do not.

    Args:
        network: a Keras layer or model that maps pictures (b, H, W, c) to a feature map
            (b, h, w, d), or to regions (b, R, d).
        skip: how many regions at the beginning are none, such as the class token of a vision
            transformer.

    Attributes:
        grid: (h, w) of the feature map; None before it is built, where the network gives no map,
            or where its size is not known.

    Call arguments:
        pictures: (b, H, W, c).

    Returns:
        (b, h w, d), or (b, R - skip, d).
    """

    def __init__(self, network, skip=0, **kwargs):
        super().__init__(network, **kwargs)
        self.skip = as_count("skip", skip, least=0)
        self.grid = None

    def build(self, pictures_shape):
        shape = _checked(output_spec(self.network, (None, *pictures_shape[1:]))).shape
        if len(shape) == 4 and self.skip:
            raise ValueError(f"skip is {self.skip} and network gives shape {shape}, expected 0")
        self.grid = _grid(shape)
        self.built = True

    def grid_of(self, pictures_shape):
        """Rows and columns of the regions of pictures (b, H, W, c); None if not known."""
        return _grid(output_spec(self.network, (None, *pictures_shape[1:])).shape)

    def call(self, pictures, training=None):
        features = _checked(self.network(pictures, training=training))
        if len(features.shape) == 4:
            rows, columns, size = features.shape[1:]
            count = -1 if None in (rows, columns) else rows * columns
            first = -1 if count > 0 else ops.shape(features)[0]
            features = ops.reshape(features, (first, count, size))  # (b, h * w, d)
        return features[:, self.skip :]

    def compute_output_spec(self, pictures, training=None):
        spec = _checked(output_spec(self.network, pictures.shape, pictures.dtype))
        first, *places, size = spec.shape
        count = None if None in places else math.prod(places) - self.skip
        return keras.KerasTensor((first, count, size), dtype=spec.dtype)

    def get_config(self):
        return super().get_config() | {"skip": self.skip}


def _grid(shape):
    """Rows and columns of a feature map; None of regions, or where its size is not known."""
    return tuple(shape[1:3]) if len(shape) == 4 and None not in shape[1:3] else None


def _checked(features):
    shape = getattr(features, "shape", None)
    if shape is None or len(shape) not in (3, 4):
        given = f"a {type(features).__name__}" if shape is None else f"shape {tuple(shape)}"
        raise ValueError(f"network gives {given}, expected (b, h, w, d) or (b, R, d)")
    return features
