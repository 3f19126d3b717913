"""az.explain of models whose segments are parts of one picture: named by row and column, shown."""

import keras
import numpy as np
import pytest

import attention_zoo as az
from attention_zoo import layers
from attention_zoo.models import FocusClassifier

H, W = 4, 6  # pixels: 2 x 3 parts of 2 x 2


def pooled():
    takes_bytes = keras.layers.Rescaling(1 / 255)
    return layers.Regions(keras.Sequential([takes_bytes, keras.layers.AveragePooling2D(2)]))


def patches():
    network = layers.PerSegment(keras.layers.GlobalAveragePooling2D())
    return keras.Sequential([layers.Patches(2), network])


def resized():
    """Pictures are resized before the network sees them."""
    pictures = keras.Input((H, W, 3))
    x = keras.layers.Resizing(2 * H, 2 * W)(pictures)
    return keras.Model(pictures, layers.Regions(keras.layers.AveragePooling2D(4))(x))


def model_of(encoder, shape=(H, W)):
    dense = keras.layers.Dense
    model = FocusClassifier(dense(1), dense(2), encoder=encoder)
    model.build((None, *shape, 3))
    return model


@pytest.fixture
def pictures():
    return np.random.default_rng(0).integers(256, size=(2, H, W, 3)).astype("uint8")


ENCODERS = [pooled, patches, resized, lambda: layers.Precomputed(pooled())]


@pytest.mark.parametrize("encoder", ENCODERS)
def test_parts_of_pictures_are_named_and_shown(encoder, pictures):
    found = az.explain(model_of(encoder()), pictures, top=6)
    assert found.grid == (2, 3)
    assert found.called(0, 0) == "row 1, column 1" and found.called(1, 5) == "row 2, column 3"
    np.testing.assert_array_equal(found.inputs[1, 4], pictures[1, 2:, 2:4])
    assert "row 2, column 3" in found.table() and "row 2, column 3" in found._repr_html_()
    assert len(found.plot().axes) == 1 + 2 * 6
    assert found[1].grid == (2, 3)


def test_numbers_of_0_to_255_are_shown_as_bytes(pictures):
    found = az.explain(model_of(pooled()), pictures.astype("float32"))
    np.testing.assert_array_equal(found.inputs[0, 0], pictures[0, :2, :2])
    assert found.inputs.dtype == "uint8"
    unit = az.explain(model_of(pooled()), (pictures / 255).astype("float32"))
    assert unit.inputs.dtype == "float32" and len(unit.plot().axes) == 1 + 2 * 3


def test_one_picture_is_a_batch_of_one(pictures):
    found = az.explain(model_of(pooled()), pictures[0])
    np.testing.assert_array_equal(found.inputs[0, 5], pictures[0, 2:, 4:])


@pytest.mark.parametrize("encoder", [pooled, patches])
def test_pictures_of_another_size_have_a_grid_of_their_own(encoder, pictures):
    model = model_of(encoder(), (None, None) if encoder is pooled else (H, W))
    found = az.explain(model, np.tile(pictures, (1, 3, 1, 1))[:, :, :2])
    assert found.grid == (6, 1) and found.called(0, 5) == "row 6, column 1"


def test_features_in_place_of_pictures_are_named(pictures):
    encoder = layers.Precomputed(pooled())
    model = model_of(encoder)
    features = keras.ops.convert_to_numpy(encoder(pictures.astype("float32")))
    found = az.explain(model, features)
    assert found.called(0, 4) == "row 2, column 2" and len(found.plot().axes) == 1


def test_where_the_grid_is_not_known_segments_have_numbers(pictures):
    network = keras.Sequential([keras.layers.AveragePooling2D(2), keras.layers.Reshape((6, 3))])
    found = az.explain(model_of(layers.Regions(network)), pictures)
    assert found.grid is None and found.called(0, 4) == "segment 4"
    assert len(found.plot().axes) == 1


def test_parts_of_less_than_a_pixel_are_named_alone(pictures):
    pictures = pictures[:, :1]
    encoder = layers.Regions(keras.layers.UpSampling2D(2))
    found = az.explain(model_of(encoder, (1, W)), pictures)
    assert found.grid == (2, 12) and found.called(0, 12) == "row 2, column 1"
    assert len(found.plot().axes) == 1
