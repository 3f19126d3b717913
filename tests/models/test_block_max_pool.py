import keras
import numpy as np
import pytest
import tensorflow as tf

from attention_zoo.models import BlockMaxPool2D

SHAPES = [(2, 4, 6, 3), (1, 5, 4, 2), (2, 7, 3, 1), (1, 2, 2, 1)]


@pytest.fixture(params=SHAPES, ids=str)
def images(request):
    """No value twice, so that every maximum is unique."""
    size = int(np.prod(request.param))
    values = np.random.default_rng(0).permutation(size).astype("float32")
    return tf.constant(values.reshape(request.param) - size / 2)


def value_and_gradient(pool, images):
    with tf.GradientTape() as tape:
        tape.watch(images)
        pooled = pool(images)
        loss = keras.ops.sum(
            pooled * np.arange(1, 1 + int(np.prod(pooled.shape))).reshape(pooled.shape)
        )
    return pooled, tape.gradient(loss, images)


def test_equals_max_pooling_in_value_and_gradient(images):
    ours = value_and_gradient(BlockMaxPool2D(), images)
    theirs = value_and_gradient(keras.layers.MaxPooling2D(2), images)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(mine, other)


def test_equal_maxima_share_the_gradient():
    _, gradient = value_and_gradient(
        BlockMaxPool2D(), tf.constant([1.0, 3.0, 3.0, 0.0], shape=(1, 2, 2, 1))
    )
    np.testing.assert_array_equal(np.ravel(gradient), [0.0, 0.5, 0.5, 0.0])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_shape_is_known_beforehand(shape):
    pool, (_, *image) = BlockMaxPool2D(), shape
    expected = (None, image[0] // 2, image[1] // 2, image[2])
    assert pool.compute_output_shape((None, *image)) == expected
    assert pool(keras.Input(image)).shape == expected


def test_images_of_any_size():
    inputs = keras.Input((None, None, 3))
    pool = BlockMaxPool2D()
    assert pool.compute_output_shape((None, None, 5, 3)) == (None, None, 2, 3)
    model = keras.Model(inputs, pool(inputs))
    assert model.output_shape == (None, None, None, 3)
    for size in (4, 7):
        images = np.random.default_rng(0).normal(size=(2, size, 5, 3)).astype("float32")
        expected = keras.layers.MaxPooling2D(2)(images)
        np.testing.assert_array_equal(model(images), expected)
        np.testing.assert_array_equal(model.predict_on_batch(images), expected)


@pytest.mark.parametrize("shape", [(1, 1, 4, 2), (1, 4, 1, 2)])
def test_less_than_a_block_is_refused(shape):
    with pytest.raises(ValueError, match="images have shape .*, expected 2×2 pixels or more"):
        BlockMaxPool2D()(np.zeros(shape))


def test_comes_back_from_its_config():
    pool = BlockMaxPool2D(name="pool")
    twin = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(pool))
    assert isinstance(twin, BlockMaxPool2D)
    assert twin.get_config() == pool.get_config()
