"""Masks of FocusClassifier, wherever they come from: masked segments equal absent ones."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from attention_zoo import layers
from attention_zoo.models import FocusClassifier
from attention_zoo.models.prediction import WAYS

B, M, D, C = 6, 3, 4, 3
# Class scores: sums of D and M terms of a size up to 8 and two softmaxes, 16 roundings.
ATOL = 16 * 8 * 2.0**-23
ATTENTIONS = ["soft", "hard", "lvml", "gumbel", "reinforce", "hybrid"]


@pytest.fixture
def segments():
    return np.random.default_rng(1).normal(size=(B, M, D)).astype("float32")


def attention(name):
    sampler = name in ("gumbel", "reinforce")
    return layers.get(name, seed=5) if sampler else layers.get(name)


# In the inputs


@pytest.mark.parametrize("name", ATTENTIONS)
@pytest.mark.parametrize("way", sorted(WAYS))
def test_padded_equals_shorter(linear_model, segments, way, name):
    model = linear_model(name, inference=way)
    padded = model(with_padding(segments))
    shorter = model(segments)
    np.testing.assert_allclose(padded["label"], shorter["label"], atol=ATOL)
    np.testing.assert_allclose(padded["focus"][:, :M], shorter["focus"], atol=ATOL)
    np.testing.assert_array_equal(padded["focus"][:, M:], 0.0)


@pytest.mark.parametrize("name", ["soft", "hard", "lvml", "hybrid"])
def test_padded_trains_as_shorter(linear_model, segments, name):
    model = linear_model(name)
    padded = model(with_padding(segments), training=True)
    shorter = model(segments, training=True)
    np.testing.assert_allclose(padded["label"], shorter["label"], atol=ATOL)


@pytest.mark.parametrize("name", ["gumbel", "reinforce"])
def test_samplers_draw_no_padding(linear_model, segments, name):
    model = linear_model(attention(name))
    alone = np.repeat(segments[:1, :1], 50, axis=0)  # one real segment: nothing left to chance
    q = model(with_padding(alone), training=True)["label"]
    expected = keras.ops.log_softmax(model.classifier(alone[:, 0]))
    np.testing.assert_allclose(q, expected, atol=ATOL)


@pytest.mark.parametrize("dtype", ["bool", "int32", "float32"])
def test_mask_may_be_numbers(linear_model, segments, dtype):
    model = linear_model()
    inputs = with_padding(segments)
    expected = model(inputs)["label"]
    output = model({"segments": inputs["segments"], "mask": inputs["mask"].astype(dtype)})
    np.testing.assert_array_equal(output["label"], expected)


def test_dict_without_mask_equals_plain_segments(linear_model, segments):
    model = linear_model()
    output = model({"segments": segments})
    np.testing.assert_array_equal(output["label"], model(segments)["label"])


@pytest.mark.parametrize("name", ATTENTIONS)
@pytest.mark.parametrize("training", [False, True])
def test_row_without_segments_is_finite(linear_model, segments, name, training):
    mask = np.ones((B, M), dtype=bool)
    mask[2] = False
    model = linear_model(name)
    inputs = {"segments": segments, "mask": mask}
    with tf.GradientTape() as tape:
        output = model(inputs, training=training)
        loss = keras.ops.sum(output["label"])
    np.testing.assert_array_equal(output["focus"][2], 0.0)
    assert np.all(np.isfinite(output["label"]))
    for gradient in tape.gradient(loss, model.trainable_variables):
        assert gradient is None or np.all(np.isfinite(gradient))


def with_padding(segments):
    """The segments and two more of large numbers, masked."""
    padding = np.full((len(segments), 2, D), 100.0, dtype="float32")
    mask = np.arange(segments.shape[1] + 2) < segments.shape[1]
    return {
        "segments": np.concatenate([segments, padding], axis=1),
        "mask": np.broadcast_to(mask, (len(segments), len(mask))),
    }


# As an argument, and with the segments


@pytest.mark.parametrize("training", [False, True])
def test_mask_argument_equals_mask_in_the_inputs(linear_model, segments, training):
    model, inputs = linear_model("hard"), with_padding(segments)
    output = model(inputs["segments"], mask=inputs["mask"], training=training)
    for key, value in model(inputs, training=training).items():
        np.testing.assert_array_equal(output[key], value)


def test_every_mask_holds(linear_model, segments):
    argument, given, keras_own = ~np.eye(3, M, dtype=bool)
    x = tf.constant(segments[:1])
    x._keras_mask = tf.constant([keras_own])
    model = linear_model()
    focus = model({"segments": x, "mask": tf.constant([given])}, mask=tf.constant([argument]))[
        "focus"
    ]
    np.testing.assert_array_equal(focus, 0.0)  # nothing is left
    focus = model({"segments": x, "mask": tf.constant([given])})["focus"]
    np.testing.assert_allclose(focus, [[1.0, 0.0, 0.0]], rtol=1e-6)


@pytest.mark.parametrize("as_dict", [False, True])
def test_segments_that_keras_masked_come_without_a_warning(as_dict):
    """A warning is an error here; the outputs carry no mask, for theirs are no segments."""
    words = keras.Input((None,), dtype="int32")
    features = keras.layers.Embedding(10, D, mask_zero=True)(words)
    networks = keras.layers.Dense(1), keras.layers.Dense(C)
    inputs = {"segments": features} if as_dict else features
    model = keras.Model(words, FocusClassifier(*networks, "lvml")(inputs))
    output = model(np.array([[3, 1, 7, 0, 0], [2, 2, 9, 0, 0]]))
    np.testing.assert_array_equal(output["focus"][:, 3:], 0.0)
    shorter = model(np.array([[3, 1, 7], [2, 2, 9]]))
    np.testing.assert_allclose(output["label"], shorter["label"], atol=ATOL)
    assert all(getattr(value, "_keras_mask", None) is None for value in output.values())


@pytest.mark.parametrize("way", sorted(WAYS))
def test_no_way_is_sure_of_a_row_without_segments(linear_model, segments, way):
    output = linear_model(inference=way)(segments, mask=np.zeros((B, M), bool))
    np.testing.assert_allclose(np.exp(output["label"]).sum(axis=1), 1.0, atol=ATOL)


# From the encoder


def token_model(name, encoder):
    return FocusClassifier(keras.layers.Dense(1), keras.layers.Dense(C), name, encoder=encoder)


@pytest.mark.parametrize("name", ["soft", "hard", "lvml"])
@pytest.mark.parametrize("training", [False, True])
def test_mask_that_the_encoder_makes_is_kept(name, training):
    model = token_model(name, keras.layers.Embedding(10, D, mask_zero=True))
    padded = model(np.array([[3, 1, 7, 0, 0], [2, 2, 9, 0, 0]]), training=training)
    shorter = model(np.array([[3, 1, 7], [2, 2, 9]]), training=training)
    np.testing.assert_allclose(padded["label"], shorter["label"], atol=ATOL)
    np.testing.assert_array_equal(padded["focus"][:, 3:], 0.0)


def test_mask_of_the_encoder_and_mask_of_the_input_both_hold():
    model = token_model("soft", keras.layers.Embedding(10, D, mask_zero=True))
    mask = np.array([[True, False, True, True]])
    focus = model({"segments": np.array([[3, 1, 7, 0]]), "mask": mask})["focus"]
    np.testing.assert_array_equal(np.asarray(focus[0]) > 0.0, [True, False, True, False])


def test_encoder_that_mixes_segments_is_given_the_mask():
    lstm = keras.layers.LSTM(D, return_sequences=True)
    model = token_model("soft", keras.layers.Bidirectional(lstm))  # reads the padding first
    segments = np.random.default_rng(0).normal(size=(B, M, D)).astype("float32")
    padded, shorter = model(with_padding(segments)), model(segments)
    np.testing.assert_allclose(padded["label"], shorter["label"], atol=ATOL)


# What is refused


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("as_argument", [False, True])
def test_mask_of_the_wrong_shape_is_refused(linear_model, segments, size, training, as_argument):
    mask = np.ones((B, size), bool)
    inputs = segments if as_argument else {"segments": segments, "mask": mask}
    with pytest.raises(ValueError, match=rf"mask has shape \(6, {size}\), expected \(6, 3\)"):
        linear_model("hard")(inputs, mask=mask if as_argument else None, training=training)


@pytest.mark.parametrize("built", [False, True])
@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (lambda x, mask: {"segment": x}, r"inputs have the keys \['segment'\], expected 'segmen"),
        (
            lambda x, mask: {"segments": x, "maks": mask},
            r"inputs have the keys \['maks', 'segments'\], expected 'segments' and maybe 'mask'",
        ),
        (lambda x, mask: (x, mask), "inputs are a tuple of 2, expected segments, or a dict of"),
    ],
)
def test_inputs_of_another_structure_are_refused(linear_model, segments, inputs, message, built):
    networks = keras.layers.Dense(1), keras.layers.Dense(C)
    model = linear_model() if built else FocusClassifier(*networks)
    with pytest.raises(ValueError, match=message):
        model(inputs(segments, np.ones((B, M), bool)))
