import keras
import numpy as np
import pytest

from attention_zoo.layers import PerSegment

B, M = 6, 4


@pytest.fixture
def images(rng):
    return rng.normal(size=(B, M, 4, 4, 2)).astype("float32")


@pytest.fixture
def layer():
    return PerSegment(keras.layers.Conv2D(3, 2))


def test_runs_the_network_on_every_segment(layer, images):
    expected = keras.ops.stack([layer.network(images[:, j]) for j in range(M)], axis=1)
    np.testing.assert_allclose(layer(images), expected, atol=1e-5)
    assert layer.compute_output_shape(images.shape) == expected.shape == (B, M, 3, 3, 3)


def test_functional_model_of_any_number_of_segments_is_saved(layer, images, tmp_path):
    inputs = keras.Input((None, 4, 4, 2))
    outputs = layer(inputs)
    assert outputs.shape == (None, None, 3, 3, 3)
    model = keras.Model(inputs, outputs)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for m in (M, M - 1):
        np.testing.assert_array_equal(loaded(images[:, :m]), layer(images[:, :m]))


def test_keeps_the_mask():
    words = np.array([[3, 1, 0], [2, 0, 0]])
    features = PerSegment(keras.layers.Dense(2))(
        keras.layers.Embedding(4, 5, mask_zero=True)(words)
    )
    np.testing.assert_array_equal(features._keras_mask, words > 0)


def test_weights_of_the_network_are_trained(layer, images):
    layer(images)
    assert len(layer.trainable_variables) == 2


def test_config_of_the_caller_stays_as_it_is(layer):
    config = layer.get_config()
    for _ in range(2):
        assert PerSegment.from_config(config).network.filters == 3
    assert config == layer.get_config()


class Subclassed(keras.Model):
    """A network with `call` alone."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(3)

    def call(self, x):
        return self.dense(x)


def test_subclassed_network_needs_no_shapes(images):
    layer = PerSegment(Subclassed())
    assert layer.compute_output_shape((None, M, 4)) == (None, M, 3)
    layer = PerSegment(Subclassed())
    assert layer(keras.Input((M, 2))).shape == (None, M, 3)
    assert len(layer.trainable_variables) == 2
    np.testing.assert_allclose(
        layer(images[..., 0, 0, :]), layer.network.dense(images[..., 0, 0, :]), atol=1e-5
    )


def test_segments_without_features_raise(layer):
    with pytest.raises(ValueError, match=r"have shape \(6, 4\), expected \(batch, segments, ...\)"):
        PerSegment(keras.layers.Activation("relu"))(np.zeros((B, M)))
