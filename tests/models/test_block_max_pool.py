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


WAYS = {
    "eager": lambda function: function,
    "graph": tf.function,
    "xla": lambda function: tf.function(function, jit_compile=True),
}


@pytest.mark.parametrize("way", WAYS)
def test_equals_max_pooling_in_value_and_gradient(way, images):
    ours = WAYS[way](lambda images: value_and_gradient(BlockMaxPool2D(), images))(images)
    theirs = value_and_gradient(keras.layers.MaxPooling2D(2), images)
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("block", [[3, 3, 1, 3], [1, 3, 3, 0], [0, 1, 3, 3], [2, 2, 2, 2]])
def test_the_first_of_equal_maxima_has_the_gradient(way, block):
    images = tf.constant(block, "float32", shape=(1, 2, 2, 1))
    _, gradient = WAYS[way](lambda images: value_and_gradient(BlockMaxPool2D(), images))(images)
    np.testing.assert_array_equal(np.ravel(gradient), np.arange(4) == np.argmax(block))


@pytest.mark.parametrize("position", range(4))
def test_nan_is_not_lost_under_xla(position):
    block = np.where(np.arange(4) == position, np.nan, np.arange(4)).astype("float32")
    images = tf.constant(block, shape=(1, 2, 2, 1))
    assert np.isnan(tf.function(BlockMaxPool2D(), jit_compile=True)(images))


@pytest.mark.parametrize("jit_compile", [False, True])
def test_xla_sees_no_pooling_kernel_and_others_do(jit_compile):
    """Also where the compiled function is called in another's loop, as the training loop does."""
    pool = BlockMaxPool2D()
    step = tf.function(lambda images: tf.reduce_sum(pool(images)), jit_compile=jit_compile)

    @tf.function
    def call(images):
        for _ in tf.range(2):
            step(images)

    call.get_concrete_function(tf.zeros((1, 4, 4, 1)))
    graphs = [step.get_concrete_function(tf.zeros((1, 4, 4, 1))).graph]
    kinds = {operation.type for graph in graphs for operation in graph.get_operations()}
    assert ("MaxPool" in kinds) is not jit_compile


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
