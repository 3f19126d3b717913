"""What FocusClassifier computes: predictions, training outputs, masks, encoders, input checks."""

import itertools

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
AUTO = {"soft": "soft", "lvml": "marginal"} | dict.fromkeys(
    ["hard", "gumbel", "reinforce", "hybrid"], "argmax"
)


@pytest.fixture
def segments():
    return np.random.default_rng(1).normal(size=(B, M, D)).astype("float32")


def attention(name):
    sampler = name in ("gumbel", "reinforce")
    return layers.get(name, seed=5) if sampler else layers.get(name)


# Prediction


@pytest.mark.parametrize("name", ATTENTIONS)
@pytest.mark.parametrize("way", sorted(WAYS))
def test_ways_to_predict_are_what_numpy_computes(
    linear_model, numpy_predictions, segments, way, name
):
    model = linear_model(name, inference=way)
    expected = numpy_predictions(model, segments)
    output = model(segments, training=False)
    assert set(output) == {"label", "focus"}
    np.testing.assert_allclose(output["label"], expected[way], atol=ATOL)
    np.testing.assert_allclose(output["focus"], expected["focus"], atol=ATOL)


@pytest.mark.parametrize("name", ATTENTIONS)
def test_auto_predicts_as_documented(linear_model, numpy_predictions, segments, name):
    model = linear_model(name)
    assert model.way_to_predict == AUTO[name]
    expected = numpy_predictions(model, segments)[AUTO[name]]
    np.testing.assert_allclose(model(segments)["label"], expected, atol=ATOL)


def test_hybrid_predicts_as_its_second_paradigm(linear_model):
    hybrid = layers.HybridAttention("soft", "lvml")
    assert linear_model(hybrid).way_to_predict == "marginal"


def test_every_way_at_once_equals_one_at_a_time(linear_model, segments):
    model = linear_model("lvml")
    every_way = model.every_way(*model.encode(segments))
    for way in WAYS:
        model.inference = way
        np.testing.assert_array_equal(every_way[way], model(segments)["label"])
    np.testing.assert_array_equal(every_way["focus"], model(segments)["focus"])


def test_only_segment_is_the_answer_in_every_way(linear_model, segments):
    model = linear_model()
    outputs = model.every_way(*model.encode(segments[:1, :1]))
    expected = keras.ops.log_softmax(model.classifier(segments[:1, 0]))
    for way in WAYS:
        np.testing.assert_allclose(outputs[way], expected, atol=ATOL)
    np.testing.assert_array_equal(outputs["focus"], [[1.0]])


@pytest.mark.parametrize("way", sorted(WAYS))
def test_nan_in_any_segment_gives_nan_for_that_example_alone(linear_model, segments, way):
    segments[0, 1, 2] = np.nan
    output = linear_model("hard", inference=way)(segments)
    assert np.all(np.isnan(output["label"][0]))
    # Softmax kernels differ in whether one NaN makes the whole row NaN.
    assert np.any(np.isnan(output["focus"][0]))
    for value in output.values():
        assert np.all(np.isfinite(value[1:]))


@pytest.mark.parametrize("name", ATTENTIONS)
@pytest.mark.parametrize("normalizer", ["softmax", "sparsemax"])
def test_broken_focus_network_gives_nan_not_a_loss(linear_model, segments, name, normalizer):
    model = linear_model(layers.get(name, normalizer=normalizer))
    model.focus.kernel.assign(np.full((D, 1), np.nan))
    for training in (False, True):
        assert np.all(np.isnan(model(segments, training=training)["label"]))


# Training


@pytest.mark.parametrize(("name", "paradigm"), [("soft", "soft"), ("hard", "hard")])
def test_training_outputs_are_the_paradigms_class_scores(
    linear_model, numpy_predictions, segments, name, paradigm
):
    model = linear_model(name)
    output = model(segments, training=True)
    expected = numpy_predictions(model, segments)
    np.testing.assert_allclose(output["label"], expected[paradigm], atol=ATOL)
    np.testing.assert_allclose(output["focus"], expected["focus"], atol=ATOL)


def test_lvml_trains_on_what_it_predicts(linear_model, segments):
    model = linear_model("lvml")
    trained, predicted = (model(segments, training=training) for training in (True, False))
    np.testing.assert_allclose(trained["label"], predicted["label"], atol=ATOL)


@pytest.mark.parametrize("name", ATTENTIONS)
def test_training_outputs_are_the_attentions_class_scores(linear_model, segments, name):
    model = linear_model(attention(name))
    output = model(segments, training=True)
    scores = keras.ops.squeeze(model.focus(segments), -1)
    twin = attention(name)  # draws the same samples
    q, a = twin.class_scores(model.classifier, segments, scores, training=True)
    np.testing.assert_allclose(output["label"], q, atol=ATOL)
    np.testing.assert_allclose(output["focus"], a, atol=ATOL)


# How often the classifier runs


class Probe(keras.layers.Layer):
    """Passes its inputs on; remembers how many there were at each call."""

    def __init__(self):
        super().__init__()
        self.sizes = []

    def call(self, inputs):
        self.sizes.append(inputs.shape[0])
        return inputs


def test_argmax_runs_the_classifier_on_the_chosen_segments_only(segments):
    probe = Probe()
    classifier = keras.Sequential([probe, keras.layers.Dense(C)])
    model = FocusClassifier(keras.layers.Dense(1), classifier, "hard")
    model.build((None, M, D))
    probe.sizes.clear()
    model(segments)
    assert probe.sizes == [B]
    model(segments, training=True)
    assert probe.sizes == [B, B * M]


@pytest.mark.parametrize(("way", "images"), [("argmax", B), ("soft", B), ("marginal", B * M)])
def test_convolutions_in_the_graph_of_predict(way, images):
    focus = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(1)])
    convolution = keras.layers.Conv2D(7, 2)
    classifier = keras.Sequential([convolution, keras.layers.Flatten(), keras.layers.Dense(C)])
    model = FocusClassifier(focus, classifier, "hard", inference=way)
    model.compile()
    model.build((None, M, 3, 3, 1))
    keras.Model.make_predict_function(model)
    batch = tf.zeros((B, M, 3, 3, 1))
    graph = model.predict_function.get_concrete_function([(batch,)]).graph
    assert convolution_shapes(graph) == [(images, 2, 2, 7)]


def convolution_shapes(graph):
    """Output shapes of all Conv2D operations in a graph and the functions that it calls."""
    definition = graph.as_graph_def(add_shapes=True)
    called = (function.node_def for function in definition.library.function)
    return [
        tuple(size.size for size in node.attr["_output_shapes"].list.shape[0].dim)
        for node in itertools.chain(definition.node, *called)
        if node.op == "Conv2D"
    ]


# What is refused


def test_unknown_inference_is_refused(linear_model):
    with pytest.raises(ValueError, match=r"inference is 'max', expected 'auto' or one of \['arg"):
        linear_model(inference="max")


def test_unknown_attention_is_refused(linear_model):
    with pytest.raises(ValueError, match="attention is 'sfot', expected one of"):
        linear_model("sfot")
    with pytest.raises(TypeError, match="attention is 3, expected a name or an attention layer"):
        linear_model(3)


@pytest.mark.parametrize(
    ("focus", "classifier", "message"),
    [
        (keras.layers.Dense(2), keras.layers.Dense(C), r"focus gives shape \(None, 2\)"),
        (keras.layers.Reshape((D, 1)), keras.layers.Dense(C), r"focus gives shape \(None, 4, 1\)"),
        (keras.layers.Dense(1), keras.layers.Dense(1), r"classifier gives shape \(None, 1\)"),
        (keras.layers.Dense(1), keras.layers.Reshape((D, 1)), r"classifier gives shape \(None, 4,"),
    ],
)
def test_networks_of_the_wrong_shape_are_refused(segments, focus, classifier, message):
    with pytest.raises(ValueError, match=message):
        FocusClassifier(focus, classifier)(segments)


def test_segments_without_features_are_refused(segments):
    model = FocusClassifier(keras.layers.Dense(1), keras.layers.Dense(C))
    with pytest.raises(ValueError, match=r"segments have shape .*, expected \(batch, segments"):
        model(segments[:, 0])
