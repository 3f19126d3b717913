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


def first_probabilities(pipeline):
    """The labels in the first batch of a pipeline, where they are probabilities; else None.

    Ids are told by their rank, without a look at the data; so are labels in a dict, beside which
    Keras takes no weights of classes.

    Args:
        pipeline: of (inputs, labels) or more, with an `element_spec`.
    """
    spec = pipeline.element_spec
    shape = getattr(spec[1], "shape", None) if isinstance(spec, tuple) and len(spec) > 1 else None
    if shape is None or (shape.rank is not None and _labels.are_ids(spec[1])):
        return None
    batch = next(iter(pipeline), None)
    return None if batch is None else batch[1]


def as_ids(labels):
    """Class ids (b,), integers, of an array of labels; of probabilities the most probable class."""
    labels = np.asarray(labels)
    return labels.reshape(-1).astype(int) if _labels.are_ids(labels) else labels.argmax(axis=1)


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
