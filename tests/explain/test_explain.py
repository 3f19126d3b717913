"""az.explain of models whose answers are known by hand."""

import keras
import numpy as np
import pytest

import attention_zoo as az
from attention_zoo.models import FocusClassifier

M, C = 4, 3


def one_hot_segments(*classes):
    """Segments that are unit vectors of classes; class 2 is what the focus ignores."""
    return np.eye(C, dtype="float32")[list(classes)]


@pytest.fixture
def model(linear):
    """Scores (2, 1, 0) of the three classes; logits 4 for the class of the segment."""
    return linear(np.float32([2, 1, 0]), 4 * np.eye(C, dtype="float32"), "lvml")


def softmax(s):
    return np.exp(s) / np.exp(s).sum(axis=-1, keepdims=True)


def test_every_number_by_hand(model):
    x = one_hot_segments(2, 1, 0, 2)
    found = az.explain(model, x[None], top=2)
    a, p = softmax(np.array([0.0, 1, 2, 0])), softmax(4 * x)
    np.testing.assert_allclose(found.attention[0], a, rtol=1e-5)
    np.testing.assert_array_equal(found.segments, [[2, 1]])
    assert found.segment[0] == 2
    np.testing.assert_allclose(found.probabilities["argmax"][0], p[2], rtol=1e-5)
    np.testing.assert_allclose(found.probabilities["marginal"][0], a @ p, rtol=1e-5)
    np.testing.assert_allclose(found.probabilities["soft"][0], softmax(4 * a @ x), rtol=1e-5)
    np.testing.assert_allclose(found.alone[0], p[[2, 1]], rtol=1e-5)
    rest = [0, 1, 3]
    one = softmax(np.array([0.0, 1, 0])) @ p[rest]
    np.testing.assert_allclose(found.without[0], [one, p[0]], rtol=1e-5)
    assert found.label[0] == 0
    assert found.flips[0] == 1
    entropy = -(a * np.log(a)).sum()
    np.testing.assert_allclose(found.certainty, 1 - entropy / np.log(M), rtol=1e-4)
    ways = [p[2], a @ p, softmax(4 * a @ x)]
    far = max(np.abs(u - v).sum() / 2 for u in ways for v in ways)
    np.testing.assert_allclose(found.agreement, 1 - far, rtol=1e-4)
    product = (1 - entropy / np.log(M)) * (1 - far) * (a @ p).max()
    np.testing.assert_allclose(found.confidence, product, rtol=1e-4)


def test_one_example_is_a_batch_of_one(model):
    x = one_hot_segments(2, 1, 0, 2)
    alone, batch = az.explain(model, x), az.explain(model, x[None])
    assert len(alone) == 1
    np.testing.assert_array_equal(alone.attention, batch.attention)
    np.testing.assert_array_equal(alone.without, batch.without)


def test_masked_segments_change_nothing(model):
    x = one_hot_segments(2, 1, 0, 2)
    noise = np.concatenate([x[:3], 99 * x[:1]])
    masked = {"segments": noise, "mask": np.array([True, True, True, False])}
    cut, found = az.explain(model, x[:3]), az.explain(model, masked)
    np.testing.assert_array_equal(found.segments, [[2, 1, 0]])
    np.testing.assert_array_equal(cut.segments, found.segments)
    for name in ("alone", "without", "certainty", "agreement", "confidence"):
        np.testing.assert_allclose(getattr(cut, name), getattr(found, name), atol=1e-6)
    assert found.attention[0, 3] == 0.0


def test_bags_of_unequal_size(model):
    bags = [one_hot_segments(2, 0), one_hot_segments(2, 1, 2)]
    found = az.explain(model, bags)
    assert len(found) == 2
    for i, bag in enumerate(bags):
        alone = az.explain(model, bag)
        np.testing.assert_allclose(found.without[i], alone.without[0], atol=1e-6)
        np.testing.assert_array_equal(found.mask[i].sum(), len(bag))
    np.testing.assert_array_equal(found[1].attention, found.attention[1:])
    np.testing.assert_array_equal(found[:1].segments, [[1, 0, -1]])


def test_no_segment_that_matters_is_a_prediction_that_does_not_flip(linear):
    """All segments alike: whatever goes, the rest says the same."""
    model = linear(np.float32([2, 1, 0]), 4 * np.eye(C, dtype="float32"))
    found = az.explain(model, one_hot_segments(1, 1, 1, 1), top=3)
    assert found.flips[0] == 0
    np.testing.assert_allclose(found.support["without"][0], found.support["whole"][0], rtol=1e-5)
    np.testing.assert_allclose(found.certainty, 0.0, atol=1e-6)
    np.testing.assert_allclose(found.agreement, 1.0, atol=1e-6)


def test_text_and_table_say_the_classes(model):
    model.class_names = ["cat", "dog", "none"]
    found = az.explain(model, one_hot_segments(2, 1, 0, 2))
    table = found.table()
    assert table.startswith("predicted: cat, confidence")
    assert "segment 2" in table
    assert found._repr_html_().count("<tr>") == 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"model": keras.Sequential()}, "the model is a Sequential, expected a FocusClassifier"),
        ({"top": 0}, "top is 0, expected 1 or more"),
        ({"inputs": np.zeros((1, 2, 3, 4, 5), "float32")}, "segments have shape"),
    ],
)
def test_errors_say_what_came(model, arguments, said):
    given = {"model": model, "inputs": one_hot_segments(0, 1), "top": 5} | arguments
    with pytest.raises(ValueError, match=said):
        az.explain(given["model"], given["inputs"], top=given["top"])


@pytest.mark.parametrize("inputs", ["a dog", ["a dog", "a cat"], np.array(["a dog"]), [b"a dog"]])
def test_texts_are_for_models_that_take_some(model, inputs):
    said = "^inputs are texts, expected segments: the model has no encoder of words, such as a Tok"
    with pytest.raises(ValueError, match=said):
        az.explain(model, inputs)


def test_a_model_that_is_not_built_is_refused():
    dense = keras.layers.Dense
    with pytest.raises(ValueError, match="the model is not built"):
        az.explain(FocusClassifier(dense(1), dense(2)), np.zeros((1, 2, 3)))
