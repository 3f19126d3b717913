"""Labels as `fit` and `evaluate` take them."""

import numpy as np


def as_targets(y):
    """{"label": ids, "focus": truth} as it is, or {"label": ids} from ids alone."""
    if not isinstance(y, dict):
        return {"label": y}
    if "label" not in y:
        raise ValueError(f"labels have the keys {sorted(y)}, expected 'label' and maybe 'focus'")
    return y


def check_labels(labels, num_classes):
    """Raises ValueError for the first of the labels, an array, that names no class.

    In a compiled graph nothing can be raised: there the loss of such an example is NaN.
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "biuf":
        raise ValueError(f"labels have dtype {labels.dtype}, expected class ids: numbers")
    right = (labels >= 0) & (labels < num_classes) & (labels % 1 == 0)
    if not np.all(right):
        wrong = tuple(np.argwhere(~right)[0])
        raise ValueError(
            f"label is {labels[wrong]:g} at row {wrong[0]}, expected 0 to {num_classes - 1}: "
            f"the classifier has {num_classes} classes"
        )
