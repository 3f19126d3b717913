"""The area under the ROC curve, by ranks."""

import numpy as np
from scipy.stats import rankdata


def auc(positive, score):
    """Chance that of a positive and a negative the positive has the higher score, ties half.

        AUC = (sum of the ranks of the p positives - p (p + 1) / 2) / (p n),   n negatives

    Args:
        positive: bool (k,).
        score: (k,).

    Returns:
        0 to 1; NaN without positives or without negatives, or where a score is NaN.
    """
    positive, score = np.asarray(positive, bool), np.asarray(score, "float64")
    p = positive.sum()
    if not 0 < p < len(positive) or np.isnan(score).any():
        return float("nan")
    ranks = rankdata(score)[positive].sum()  # of equals the mean
    return float((ranks - p * (p + 1) / 2) / (p * (len(positive) - p)))
