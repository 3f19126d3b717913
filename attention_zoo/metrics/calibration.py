"""Whether a model's probabilities are what they say, and what one gains by abstaining."""

import numpy as np


def reliability(labels, probabilities, bins=10):
    """How often predictions of about one probability are right: a bin of these a row.

    Bins are of equal width over [0, 1], by the probability of the predicted class.

    Args:
        labels: class ids (n,).
        probabilities: (n, c).
        bins: how many.

    Returns:
        (bins, 3): number of examples, their mean probability, the share that is right; NaN of an
        empty bin.

    Reference: Guo et al., ICML 2017, arXiv:1706.04599.
    """
    p, right = _predicted(labels, probabilities)
    place = np.clip(np.ceil(p * bins).astype(int) - 1, 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    sums = [np.bincount(place, values, minlength=bins) for values in (p, right)]
    with np.errstate(invalid="ignore"):
        return np.stack([count, *(total / np.where(count, count, np.nan) for total in sums)], 1)


def calibration_error(labels, probabilities, bins=10):
    """Expected calibration error: sum over the bins of n_i / n |mean probability_i - accuracy_i|.

    Args and reference as of `reliability`; NaN where a probability is.
    """
    if np.isnan(probabilities).any():
        return float("nan")
    count, p, right = reliability(labels, probabilities, bins).T
    return float(np.nansum(count * np.abs(p - right)) / count.sum())


def brier_score(labels, probabilities):
    """Mean over the examples of sum_y (p_y - [y is true])^2, from 0 (best) to 2.

    Args:
        labels: class ids (n,).
        probabilities: (n, c).

    Raises:
        ValueError: labels that name no class.

    Reference: Brier, Monthly Weather Review 78, 1950.
    """
    p = np.asarray(probabilities, "float64")
    true = np.asarray(labels)[:, None] == np.arange(p.shape[1])
    if not true.any(axis=1).all():
        raise ValueError(f"labels are {labels!r}, expected class ids of 0 to {p.shape[1] - 1}")
    return float(np.mean(np.sum((p - true) ** 2, axis=1)))


def risk_coverage(right, confidence):
    """Share of wrong predictions among the most confident, as more of them are given.

    Examples of one confidence come in no order: of them the mean over all orders is taken.

    Args:
        right: bool (n,), whether a prediction is right.
        confidence: (n,).

    Returns:
        (coverage, risk), (n,) each: coverage is 1/n, 2/n, …, 1.

    Reference: Geifman and El-Yaniv, NeurIPS 2017, arXiv:1705.08500.
    """
    wrong, sure = 1.0 - np.asarray(right, "float64"), np.asarray(confidence, "float64")
    order = np.argsort(-sure, kind="stable")
    _, place, count = np.unique(sure[order], return_inverse=True, return_counts=True)
    mean = np.bincount(place, wrong[order]) / count
    numbers = np.arange(1, len(wrong) + 1)
    return numbers / len(wrong), np.cumsum(mean[place]) / numbers


def aurc(right, confidence):
    """Area under the curve of risk against coverage, the mean of the risks: low is good.

    Args and reference as of `risk_coverage`; NaN where a confidence is.
    """
    if np.isnan(confidence).any():
        return float("nan")
    return float(risk_coverage(right, confidence)[1].mean())


def _predicted(labels, probabilities):
    """Probability of the predicted class, and whether it is the true one: (n,) each."""
    p, labels = np.asarray(probabilities, "float64"), np.asarray(labels)
    if p.ndim != 2 or labels.shape != p.shape[:1]:
        raise ValueError(
            f"labels have shape {labels.shape}, probabilities {p.shape}, expected (n,) and (n, c)"
        )
    return p.max(axis=1), (p.argmax(axis=1) == labels).astype("float64")
