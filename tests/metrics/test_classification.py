import itertools

import numpy as np
import pytest

from attention_zoo import metrics


def test_macro_f1_by_hand():
    """Class 0: tp 1, fp 1, fn 0. Class 1: tp 1, fp 0, fn 1. Class 2: tp 0, fp 1, fn 1."""
    predicted = np.eye(3)[[0, 0, 1, 2, 0]]
    labels = [0, 1, 1, 2, 2]
    expected = ((2 / (2 + 2)) + (2 / (2 + 1)) + (2 / (2 + 1))) / 3
    assert metrics.macro_f1(labels, predicted) == pytest.approx(expected)


def test_auroc_is_the_chance_to_order_a_pair_right():
    rng = np.random.default_rng(0)
    labels, p = rng.integers(3, size=40), rng.dirichlet(np.ones(3), size=40)
    areas = []
    for y, other in itertools.permutations(range(3), 2):
        mine, theirs = p[labels == y, y], p[labels == other, y]
        areas.append(np.mean(mine[:, None] > theirs))
    assert metrics.auroc(labels, p) == pytest.approx(np.mean(areas))


def test_nan_gives_nan():
    p = np.array([[0.2, 0.8], [np.nan, 0.5]])
    assert np.isnan(metrics.macro_f1([0, 1], p)) and np.isnan(metrics.auroc([0, 1], p))


def test_auroc_of_two_classes_and_of_a_class_without_posts():
    p = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.5, 0.5]])
    assert metrics.auroc([0, 0, 1, 1], p) == 1.0
    assert np.isnan(metrics.auroc([0, 0, 0, 0], p))
