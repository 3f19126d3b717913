"""Labels as `fit` and `evaluate` take them."""

import numpy as np

from attention_zoo import _labels


def as_targets(y):
    """{"label": ids, "focus": truth} as it is, or {"label": ids} from ids alone."""
    if not isinstance(y, dict):
        return {"label": y}
    if "label" not in y:
        raise ValueError(f"labels have the keys {sorted(y)}, expected 'label' and maybe 'focus'")
    return y


def check_labels(labels, num_classes):
    """Raises ValueError for the first of the labels, an array, that says nothing of the classes.

    Labels are class ids (b,) or (b, 1), or probabilities (b, c).
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "biuf":
        raise ValueError(f"labels have dtype {labels.dtype}, expected class ids: numbers")
    _labels.check_shape(labels.shape, num_classes)
    _labels.refuse_unknown(labels, num_classes)


def as_ids(labels):
    """Class ids (b,) of an array of labels; of probabilities the most probable class."""
    labels = np.asarray(labels)
    return labels.reshape(-1) if _labels.are_ids(labels) else labels.argmax(axis=1)


def shares(labels):
    """The share of every class that is there, of an array of labels."""
    labels = np.asarray(labels)
    if not _labels.are_ids(labels):
        return labels.mean(axis=0)
    return np.unique(labels, return_counts=True)[1] / labels.size


def entropy(shares):
    """Of shares (c,), in nats: the loss of one who knows these alone."""
    known = shares[shares > 0.0]
    return float(-np.sum(known * np.log(known)))
