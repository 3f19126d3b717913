"""Figures of bags against scikit-learn and by hand."""

import keras
import numpy as np
import pytest
from sklearn import metrics as sk

import attention_zoo as az
from attention_zoo import metrics


def test_figures_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    labels, p = rng.integers(2, size=50), rng.random(50).round(1)  # with ties
    both = np.stack([1 - p, p], axis=1)
    assert metrics.class_average_precision(labels, both) == sk.average_precision_score(labels, p)
    said = both.argmax(axis=1)
    expected = pytest.approx(sk.balanced_accuracy_score(labels, said))
    assert metrics.balanced_accuracy(labels, both) == expected
    for one in (metrics.class_average_precision, metrics.balanced_accuracy):
        assert np.isnan(one(np.zeros(50, int), both))
        assert np.isnan(one(labels, np.where(p[:, None] > 0.5, np.nan, both)))
    assert np.isnan(metrics.class_average_precision(labels, np.ones((50, 3)) / 3))


def test_auc_is_that_of_scikit_learn():
    rng = np.random.default_rng(1)
    keys, a = rng.random(30) < 0.3, rng.random(30).round(1)
    assert metrics.auc(keys, a) == pytest.approx(sk.roc_auc_score(keys, a))
    for unknown in (np.zeros(30, bool), np.ones(30, bool)):
        assert np.isnan(metrics.auc(unknown, a))
    assert np.isnan(metrics.auc(keys, np.where(keys, np.nan, a)))


@pytest.fixture
def model():
    """Attention on the first feature, logits 0 and the second."""
    focus = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False)])
    classifier = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, use_bias=False)])
    found = az.FocusClassifier(focus, classifier, "lvml")
    found.build({"segments": (None, None, 2), "mask": (None, None)})
    focus.set_weights([np.array([[1.0], [0.0]])])
    classifier.set_weights([np.array([[0.0, 0.0], [0.0, 1.0]])])
    return found


def test_negative_bags_and_padding_count_for_labels_alone(model):
    """Three bags: key 1 of 3 found, keys 0 and 2 of 3 half found, a negative one of 2."""
    bags = [[[0, 1], [2, 5], [1, 0]], [[3, 9], [2, 1], [1, 0]], [[1, -4], [0, -4]]]
    keys = np.array([[0, 1, 0], [1, 0, 1], [0, 0, 0]], bool)
    inputs = az.datasets.pad([np.array(bag, "float32") for bag in bags])
    truth = {"label": np.array([1, 1, 0]), "focus": keys}
    found = az.evaluate_bags(model, [(inputs, truth)])
    assert found.num_known == 2 and found.focus_accuracy == 1.0
    assert found.instance_auroc == pytest.approx((1.0 + 0.5) / 2)
    assert found.by_way["marginal"] == {
        "auroc": 1.0,
        "average_precision": 1.0,
        "balanced_accuracy": 1.0,
    }
    assert found.labels.tolist() == [1, 1, 0] and found.ways["soft"].probabilities.shape == (3, 2)
    scalars = found.scalars()
    assert scalars["marginal_auroc"] == 1.0 and scalars["instance_auroc"] == 0.75
    assert "balanced accuracy" in found.table() and "AUROC within a bag 75.0%" in found.table()


def test_without_keys_or_a_class_figures_are_left_out(model):
    inputs = az.datasets.pad([np.ones((2, 2), "float32")] * 2)
    truth = {"label": np.array([1, 1]), "focus": np.zeros((2, 2), bool)}
    found = az.evaluate_bags(model, [(inputs, truth)])
    assert not {"instance_auroc", "soft_auroc", "focus_accuracy"} & found.scalars().keys()
    assert "–" in found.table() and "within a bag" not in found.table()


def test_keys_are_not_known_where_attention_is_nan(model):
    bags = np.array([[[0, 1], [2, 5]], [[np.nan, 9], [2, 1]]], "float32")
    truth = {"label": np.array([1, 0]), "focus": np.array([[0, 1], [0, 1]], bool)}
    with pytest.warns(RuntimeWarning, match="^attention is NaN in 1 of 2 examples"):
        assert np.isnan(az.evaluate_bags(model, [(bags, truth)]).instance_auroc)
    truth["focus"][1] = False
    with pytest.warns(RuntimeWarning, match="^attention is NaN"):
        assert az.evaluate_bags(model, [(bags, truth)]).instance_auroc == 1.0
