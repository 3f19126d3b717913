"""Calibration and abstaining, against loops and by hand."""

import itertools

import numpy as np
import pytest

from attention_zoo import metrics


@pytest.fixture
def answers():
    rng = np.random.default_rng(0)
    logits = 2 * rng.normal(size=(60, 3))
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return rng.integers(3, size=60), p


def test_bins_are_counted_one_by_one(answers):
    labels, p = answers
    rows = metrics.reliability(labels, p, bins=4)
    expected = [[] for _ in range(4)]
    for y, one in zip(labels, p, strict=True):
        edge = next(i for i in range(4) if one.max() <= (i + 1) / 4)
        expected[edge].append((one.max(), one.argmax() == y))
    assert [row[0] for row in rows] == [len(found) for found in expected]
    error = 0.0
    for row, found in zip(rows, expected, strict=True):
        if found:
            mean, right = np.mean(found, axis=0)
            np.testing.assert_allclose(row[1:], [mean, right])
            error += len(found) / 60 * abs(mean - right)
        else:
            assert np.isnan(row[1:]).all()
    assert metrics.calibration_error(labels, p, bins=4) == pytest.approx(error)


def test_calibration_by_hand():
    p = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [1.0, 0.0]])
    labels = [0, 1, 1, 0]
    # Bins of a tenth: two of 0.9, half right; one of 0.6, right; one of 1, right.
    expected = (2 * 0.4 + 0.4 + 0.0) / 4
    assert metrics.calibration_error(labels, p) == pytest.approx(expected)
    brier = (2 * 0.01 + 2 * 0.81 + 2 * 0.16 + 0) / 4
    assert metrics.brier_score(labels, p) == pytest.approx(brier)


def test_worst_and_best_brier_score():
    certain = np.eye(3)
    assert metrics.brier_score([0, 1, 2], certain) == 0.0
    assert metrics.brier_score([1, 2, 0], certain) == 2.0
    assert metrics.brier_score([0.0, 1.0, 2.0], certain) == 0.0
    assert metrics.brier_score([True, False], np.eye(2)) == 2.0
    for label in (3, -1, 0.5):
        with pytest.raises(ValueError, match="^labels are .*, expected class ids of 0 to 2$"):
            metrics.brier_score([label], certain[:1])


def test_risk_is_the_mean_over_the_orders_of_ties():
    right, confidence = [True, False, True, False], [0.9, 0.5, 0.5, 0.5]
    risks = []
    for ties in itertools.permutations([1, 2, 3]):
        wrong = np.array([not right[i] for i in (0, *ties)])
        risks.append(np.cumsum(wrong) / np.arange(1, 5))
    coverage, risk = metrics.risk_coverage(right, confidence)
    np.testing.assert_allclose(coverage, [0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(risk, np.mean(risks, axis=0))
    assert metrics.aurc(right, confidence) == pytest.approx(np.mean(risks))


def test_area_is_least_where_the_wrong_come_last():
    right = np.array([True, True, False, True, False])
    by_order = {
        order: metrics.aurc(right, -np.argsort(order)) for order in itertools.permutations(range(5))
    }
    perfect = metrics.aurc(right, right)
    assert perfect == pytest.approx(min(by_order.values()))
    assert metrics.aurc(right, ~right) == pytest.approx(max(by_order.values()))
    assert metrics.aurc(right, np.ones(5)) == pytest.approx(0.4)  # no order: the error rate


def test_nan_is_not_known(answers):
    labels, p = answers
    p = p.copy()
    p[0] = np.nan
    assert np.isnan(metrics.calibration_error(labels, p))
    assert np.isnan(metrics.brier_score(labels, p))
    assert np.isnan(metrics.aurc([True, False], [0.1, np.nan]))


def test_shapes_are_checked():
    with pytest.raises(ValueError, match=r"labels have shape \(2,\), probabilities \(3, 2\)"):
        metrics.calibration_error([0, 1], np.full((3, 2), 0.5))
