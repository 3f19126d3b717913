"""Macro F1 and AUROC, by scikit-learn."""

import numpy as np


def macro_f1(labels, probabilities):
    """The mean over the classes y of F1_y = 2 tp_y / (2 tp_y + fp_y + fn_y).

    A post is predicted to be of its most probable class. Classes that are neither true nor
    predicted anywhere are left out.

    Args:
        labels: class ids (n,).
        probabilities: (n, c). NaN where one of them is.
    """
    if np.isnan(probabilities).any():
        return float("nan")
    from sklearn.metrics import f1_score  # slow to import

    return float(f1_score(labels, np.argmax(probabilities, axis=1), average="macro"))


def auroc(labels, probabilities):
    """Area under the ROC curve, the mean over all pairs of classes (Hand and Till, 2001).

        AUROC = mean over y < y' of (A(y | y') + A(y' | y)) / 2

    A(y | y') is the chance that of a post of class y and one of class y' the former is given the
    higher probability of y; ties count half. This is what the scripts of HateXplain report. NaN
    where a class has no post, or a probability is NaN.

    Args:
        labels: class ids (n,).
        probabilities: (n, c), rows that sum to 1.
    """
    from sklearn.metrics import roc_auc_score  # slow to import

    labels = np.asarray(labels)
    p = np.asarray(probabilities, "float64")
    p = p / p.sum(axis=1, keepdims=True)
    if np.isnan(p).any() or len(np.unique(labels)) < p.shape[1]:
        return float("nan")
    if p.shape[1] == 2:
        return float(roc_auc_score(labels, p[:, 1]))
    return float(roc_auc_score(labels, p, multi_class="ovo", labels=np.arange(p.shape[1])))


def balanced_accuracy(labels, probabilities):
    """The mean over the classes of the share of their examples that are predicted right.

    Args:
        labels: class ids (n,).
        probabilities: (n, c). NaN where one of them is, or a class has no example.
    """
    labels, p = np.asarray(labels), np.asarray(probabilities)
    if np.isnan(p).any() or len(np.unique(labels)) < p.shape[1]:
        return float("nan")
    right = p.argmax(axis=1) == labels
    return float(np.mean([right[labels == y].mean() for y in range(p.shape[1])]))


def class_average_precision(labels, probabilities):
    """Average precision of class 1 of two: sum over the ranks n of (R_n - R_n-1) P_n.

    Args:
        labels: class ids (n,).
        probabilities: (n, 2). NaN where there are more classes, one has no example, or a
            probability is NaN.
    """
    from sklearn.metrics import average_precision_score  # slow to import

    labels, p = np.asarray(labels), np.asarray(probabilities, "float64")
    if p.shape[1] != 2 or np.isnan(p).any() or len(np.unique(labels)) < 2:
        return float("nan")
    return float(average_precision_score(labels == 1, p[:, 1]))
