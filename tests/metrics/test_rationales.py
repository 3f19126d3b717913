import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve

from attention_zoo import metrics

A = np.array([[0.1, 0.4, 0.3, 0.2, 0.0], [0.25, 0.25, 0.25, 0.25, 0.0], [1.0, 0.0, 0.0, 0.0, 0.0]])
R = np.array([[0, 1, 0, 1, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0]])


def test_the_most_attended_tokens_are_named_ties_to_the_first_and_none_of_weight_0():
    named = metrics.predicted_rationale(A, top_k=2)
    np.testing.assert_array_equal(named, [[0, 1, 1, 0, 0], [1, 1, 0, 0, 0], [1, 0, 0, 0, 0]])
    assert metrics.predicted_rationale(A, top_k=9).sum() == 4 + 4 + 1


def test_attention_mass_by_hand():
    np.testing.assert_allclose(metrics.attention_mass(R, A), [0.6, 0.25, np.nan])


def test_token_scores_by_hand():
    """Post 0 names tokens 1 and 2 and 1 and 3 are right; post 1 names 0 and 1, and 0 is right."""
    scores = metrics.token_scores(R, metrics.predicted_rationale(A, top_k=2))
    np.testing.assert_allclose(scores["precision"], [1 / 2, 1 / 2, np.nan])
    np.testing.assert_allclose(scores["recall"], [1 / 2, 1, np.nan])
    np.testing.assert_allclose(scores["f1"], [1 / 2, 2 / 3, np.nan])


def test_nothing_named_scores_0():
    scores = metrics.token_scores(R, np.zeros(R.shape, bool))
    for score in scores.values():
        np.testing.assert_array_equal(score, [0.0, 0.0, np.nan])


def test_iou_and_its_f1_by_hand():
    """IOU 1/3 is no hit, 1/2 is one; a third post that names no token lowers recall only."""
    named = metrics.predicted_rationale(A, top_k=2)
    overlaps = metrics.iou(R, named)
    np.testing.assert_allclose(overlaps, [1 / 3, 1 / 2, np.nan])
    assert metrics.iou_f1(overlaps, named.any(axis=1)) == 0.5
    assert metrics.iou_f1([*overlaps, 0.0], [True, True, True, False]) == pytest.approx(2 / (2 + 3))
    assert np.isnan(metrics.iou_f1([np.nan], [True]))


def test_auprc_by_hand():
    """By rank the tokens are 1, 0, 1, 0, 0: points (recall, precision) to the trapezoids."""
    points = [(0, 1), (0.5, 1), (0.5, 1 / 2), (1, 2 / 3)]
    area = sum((r1 - r0) * (p0 + p1) / 2 for (r0, p0), (r1, p1) in zip(points, points[1:]))
    found = metrics.auprc(R, A)
    assert found[0] == pytest.approx(area) and np.isnan(found[2])


def test_auprc_of_a_perfect_order_is_1_and_padding_does_not_count():
    a, r = np.array([[0.6, 0.4, 0.0, 0.0]]), np.array([[1, 0, 1, 0]])
    assert metrics.auprc(np.array([[1, 1, 0, 0]]), a) == 1.0
    masked = metrics.auprc(r, a, np.array([[True, True, True, False]]))
    np.testing.assert_allclose(masked, metrics.auprc(r[:, :3], a[:, :3]))
    assert masked > metrics.auprc(r, a)


def test_average_precision_by_hand():
    """By rank the tokens are 1, 0, 1, 0, 0: the steps of recall times the precision there."""
    found = metrics.average_precision(R, A)
    assert found[0] == pytest.approx(0.5 * 1 + 0.5 * 2 / 3) and np.isnan(found[2])


def test_constant_and_one_hot_attention_are_flattered_by_the_trapezoids():
    r, constant, wrong = np.zeros((1, 10)), np.full((1, 10), 0.1), np.eye(10)[[9]]
    r[0, :2] = 1
    assert metrics.average_precision(r, constant) == pytest.approx(2 / 10)
    assert metrics.auprc(r, constant) == pytest.approx(0.6)
    assert metrics.average_precision(r, wrong) == pytest.approx(2 / 10)
    assert metrics.auprc(r, wrong) == pytest.approx(0.1)


def test_average_precision_of_padding_does_not_count():
    a, r = np.array([[0.6, 0.4, 0.0, 0.0]]), np.array([[1, 0, 1, 0]])
    masked = metrics.average_precision(r, a, np.array([[True, True, True, False]]))
    np.testing.assert_allclose(masked, metrics.average_precision(r[:, :3], a[:, :3]))


@pytest.mark.parametrize("score", [metrics.auprc, metrics.average_precision])
def test_nan_attention_has_no_curve(score):
    a = A.copy()
    a[0, 1] = np.nan
    found = score(R, a)
    assert np.isnan(found[0])
    np.testing.assert_array_equal(found[1:], score(R, A)[1:])


@pytest.mark.parametrize("seed", range(5))
def test_token_scores_lie_on_the_curve_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    a, r = rng.dirichlet(np.ones(9), size=1), rng.random((1, 9)) < 0.4
    r[0, 0] = True
    scores = metrics.token_scores(r, metrics.predicted_rationale(a, 4))
    precision, recall, _ = precision_recall_curve(r[0], a[0])
    on_curve = zip(precision, recall, strict=True)
    point = scores["precision"][0], scores["recall"][0]
    assert any(np.allclose(point, other) for other in on_curve)


@pytest.mark.parametrize("function", [metrics.attention_mass, metrics.iou, metrics.token_scores])
def test_shapes_must_agree(function):
    with pytest.raises(
        ValueError, match=r"^rationale has shape \(3, 5\), .* has shape \(3, 4\), exp"
    ):
        function(R, A[:, :4])


@pytest.mark.parametrize(("a", "k"), [(A[0], 5), (A, 0)])
def test_what_cannot_be_named(a, k):
    with pytest.raises(ValueError, match=rf"^attention has shape .* and top_k is {k}, expected"):
        metrics.predicted_rationale(a, k)
