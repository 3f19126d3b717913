"""How well attention agrees with the tokens that people marked.

Letters: R_i the rationale of post i (its marked tokens), P_i its predicted rationale, a_ij its
attention. Where R_i is empty nothing is known: NaN, to be left out of means. Where attention is NaN
so are `attention_mass`, `average_precision` and `auprc`.

Reference: DeYoung et al., ERASER, ACL 2020, arXiv:1911.03429; Mathew et al., AAAI 2021,
arXiv:2012.10289, which take the 5 most attended tokens.
"""

import numpy as np


def predicted_rationale(attention, top_k=5):
    """P_i: the tokens with the `top_k` largest weights, as far as these are above 0.

    Of equal weights the first counts as the larger.

    Args:
        attention: (n, m).
        top_k: number of tokens, 1 or more.

    Returns:
        bool (n, m).
    """
    a = np.asarray(attention)
    if a.ndim != 2 or top_k < 1:
        raise ValueError(
            f"attention has shape {a.shape} and top_k is {top_k}, expected (n, m) and 1 or more"
        )
    rank = np.argsort(np.argsort(-a, axis=1, kind="stable"), axis=1)
    return (rank < top_k) & (a > 0)


def attention_mass(rationale, attention):
    """sum of a_ij over the tokens of R_i: (n, m), (n, m) -> (n,)."""
    r, a = _checked(rationale, attention)
    return _where_known(r, (a * r).sum(axis=1))


def token_scores(rationale, predicted):
    """Precision, recall and F1 of the tokens of each post.

        precision_i = |P_i and R_i| / |P_i|    (0 if P_i is empty)
        recall_i = |P_i and R_i| / |R_i|
        F1_i = 2 precision_i recall_i / (precision_i + recall_i)    (0 if both are 0)

    Args:
        rationale: 0/1 (n, m).
        predicted: bool (n, m), as of `predicted_rationale`.

    Returns:
        {"precision", "recall", "f1"}, (n,) each.
    """
    r, p = _checked(rationale, predicted)
    both = (r * p).sum(axis=1)
    found, true = p.sum(axis=1), r.sum(axis=1)
    scores = {
        "precision": both / np.maximum(found, 1),
        "recall": both / np.maximum(true, 1),
        "f1": 2 * both / np.maximum(found + true, 1),
    }
    return {name: _where_known(r, score) for name, score in scores.items()}


def iou(rationale, predicted):
    """|P_i and R_i| / |P_i or R_i|, intersection over union: (n, m), (n, m) -> (n,)."""
    r, p = _checked(rationale, predicted)
    both = (r * p).sum(axis=1)
    return _where_known(r, both / np.maximum(r.sum(axis=1) + p.sum(axis=1) - both, 1))


def iou_f1(overlaps, named, threshold=0.5):
    """F1 of whole rationales: one predicted counts as right if its IOU is `threshold` or more.

        hits = number of posts with IOU_i >= threshold
        precision = hits / number of P_i not empty,   recall = hits / number of R_i not empty

    Over the posts with a rationale; the tokens of a post are one set (ERASER has a set for every
    span). NaN if there are none.

    Args:
        overlaps: (n,), as of `iou`, NaN where no rationale is known.
        named: bool (n,), whether P_i has tokens.

    Returns:
        A number.
    """
    overlaps = np.asarray(overlaps)
    known = ~np.isnan(overlaps)
    hits = (overlaps[known] >= threshold).sum()
    found = np.asarray(named, bool)[known].sum()
    return float(2 * hits / (found + known.sum())) if known.any() else float("nan")


def average_precision(rationale, attention, mask=None):
    """Mean precision of the tokens as recall grows, ranked by attention: the figure to read first.

        AP_i = sum_k (recall_k - recall_(k-1)) precision_k,  k over the distinct weights, falling

    Of constant attention it is the share of marked tokens, |R_i| / m.

    Args:
        rationale: 0/1 (n, m).
        attention: (n, m).
        mask: bool (n, m), True for the tokens that are there, or None.

    Returns:
        (n,), 0 to 1.
    """
    from sklearn.metrics import average_precision_score  # slow to import

    return _by_post(average_precision_score, rationale, attention, mask)


def auprc(rationale, attention, mask=None):
    """Area under the curve of precision against recall of the tokens, ranked by attention.

    Trapezoids between the points of scikit-learn's `precision_recall_curve`, as in ERASER: for
    comparison with published figures. Between two points precision does not run along a line, so
    that constant and one-hot attention come out too well: of ten tokens, two of them marked,
    constant attention has 0.60 here and 0.20 by `average_precision`.

    Args:
        rationale, attention, mask: as of `average_precision`.

    Returns:
        (n,), 0 to 1.
    """
    return _by_post(_trapezoids, rationale, attention, mask)


def _by_post(score, rationale, attention, mask):
    """`score` of the tokens of every post that are there; NaN without a rationale or with NaN."""
    r, a = _checked(rationale, attention)
    there = np.ones(r.shape, bool) if mask is None else _checked(r, mask)[1] > 0
    scores = np.full(len(r), np.nan)
    for i, k in enumerate(there):
        if r[i, k].any() and not np.isnan(a[i, k]).any():
            scores[i] = score(r[i, k], a[i, k])
    return scores


def _trapezoids(rationale, attention):
    from sklearn.metrics import auc, precision_recall_curve  # slow to import

    precision, recall, _ = precision_recall_curve(rationale, attention)
    return auc(recall, precision)


def _checked(rationale, other):
    """Both as floats; the rationale as zeros and ones."""
    r, x = np.asarray(rationale), np.asarray(other)
    if r.ndim != 2 or r.shape != x.shape:
        raise ValueError(
            f"rationale has shape {r.shape}, what it is compared with has shape {x.shape}, "
            "expected (n, m) twice"
        )
    return (r > 0).astype("float64"), x.astype("float64")


def _where_known(rationale, values):
    return np.where(rationale.any(axis=1), values, np.nan)
