import numpy as np
import tensorflow as tf

from attention_zoo import layers
from attention_zoo.models import uniform


def test_all_segments_that_are_there_get_the_same():
    mask = np.array([[True] * 4, [True, False, True, False], [False] * 4])
    a = uniform(np.random.default_rng(0).normal(size=(3, 4)).astype("float32"), mask)
    np.testing.assert_allclose(a, [[0.25] * 4, [0.5, 0, 0.5, 0], [0] * 4], rtol=1e-6)


def test_the_layer_comes_back_from_its_config_and_scores_have_the_gradient_0():
    layer = layers.SoftAttention.from_config(layers.SoftAttention(uniform).get_config())
    assert layer.normalizer is uniform
    scores = tf.Variable([[1.0, 2.0]])
    with tf.GradientTape() as tape:
        average, _ = layer(tf.constant([[[1.0], [3.0]]]), scores)
    np.testing.assert_allclose(average, [[2.0]], rtol=1e-6)
    np.testing.assert_array_equal(tape.gradient(average, scores), [[0.0, 0.0]])
