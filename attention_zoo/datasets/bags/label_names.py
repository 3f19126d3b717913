"""Labels of bags as they are written, and the class ids that they are."""

import numpy as np


def class_ids(labels):
    """(class names, ids (n,) int32) of labels in any writing; "1" and "1.0" are one.

    Raises:
        ValueError: Fewer than two classes.
    """
    written = list(map(_plain, labels))
    names = sorted(set(written), key=_rank)
    if len(names) < 2:
        raise ValueError(f"the labels are all {names[0]!r}, expected 2 classes or more")
    return tuple(names), np.array([names.index(one) for one in written], np.int32)


def _plain(label):
    try:
        number = float(label)
    except ValueError:
        return label
    return str(int(number)) if number.is_integer() else label


def _rank(name):
    """Numbers by their size, before all else."""
    try:
        return 0, float(name), name
    except ValueError:
        return 1, 0.0, name
