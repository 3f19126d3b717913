"""Reasons to abstain: what attention and the three ways to predict say of a prediction."""

import itertools

from keras import ops as kops

from attention_zoo import ops


def reasons(ways, way, a, mask, label=None):
    """How sure a model is, by three measures of 0 to 1, and by all of them.

        certainty = 1 - H(a) / log n,   H in nats, n segments there; 1 of one segment, 0 of none
        agreement = 1 - the largest distance of two ways, sum_y |p_y - p'_y| / 2
        probability = p(y'),   y' the prediction, or a label that is given
        confidence = their product

    Args:
        ways: log-probabilities (b, c) by way to predict.
        way: the model's own.
        a: attention (b, m).
        mask: bool (b, m), True for the segments that are there.
        label: ids (b,) of what was answered, where that need not be the prediction; or None.

    Returns:
        {"certainty", "agreement", "probability", "confidence"}, (b,) each.
    """
    found = {
        "certainty": _certainty(a, mask),
        "agreement": _agreement([kops.exp(log_p) for log_p in ways.values()]),
        "probability": _probability(ways[way], label),
    }
    together = found["certainty"] * found["agreement"] * found["probability"]
    return found | {"confidence": together}


def _probability(log_p, label):
    if label is None:
        return kops.max(kops.exp(log_p), axis=-1)
    return kops.exp(kops.take_along_axis(log_p, kops.cast(label, "int32")[:, None], axis=-1)[:, 0])


def _certainty(a, mask):
    count = kops.sum(kops.cast(mask, "float32"), axis=1)
    most = kops.log(kops.maximum(count, 2.0))
    return kops.where(count > 0.0, kops.clip(1.0 - ops.entropy(a) / most, 0.0, 1.0), 0.0)


def _agreement(p):
    distances = [kops.sum(kops.abs(x - y), axis=-1) / 2 for x, y in itertools.combinations(p, 2)]
    return 1.0 - kops.max(kops.stack(distances), axis=0)
