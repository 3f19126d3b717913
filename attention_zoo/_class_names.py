"""Ids and names of the classes of examples: names stand in the order of the ids."""

from collections.abc import Iterable

import numpy as np


def as_class_names(names, num_classes=None, each="class of the classifier"):
    """A tuple of the names; None where there are none.

    Args:
        names: sequence of distinct texts, or None.
        num_classes: how many there have to be; None where it is not known yet.
        each: of what there has to be one each, for the error.

    Raises:
        ValueError: no such names, or not so many.
    """
    if names is None:
        return None
    is_sequence = isinstance(names, Iterable) and not isinstance(names, str)
    if not is_sequence or not all(isinstance(one, str) for one in names):
        raise ValueError(f"class_names is {names!r}, expected a sequence of texts")
    names = tuple(map(str, names))
    if len(set(names)) < len(names):
        twice = next(one for one in names if names.count(one) > 1)
        raise ValueError(f"class_names has {twice!r} twice, expected distinct names")
    if num_classes is not None and len(names) != num_classes:
        raise ValueError(
            f"class_names has {len(names)} names, expected {num_classes}, one for each {each}"
        )
    return names


def ids_of(labels, count=None, examples="examples"):
    """Labels as class ids (n,), int32.

    Args:
        labels: array, or sequence.
        count: of how many examples they are; None where it is not known.
        examples: what these are called, for the error.

    Raises:
        ValueError: no class ids from 0, or not so many.
    """
    labels = np.asarray(labels)
    if count is not None and labels.ndim and len(labels) != count:
        raise ValueError(f"there are {count} {examples} and {len(labels)} labels, expected as many")
    if labels.ndim == 1 and not len(labels):
        return labels.astype(np.int32)
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise ValueError(
            f"labels are {labels.dtype} {labels.shape}, expected class ids from 0, integers (n,)"
        )
    if labels.min() < 0:
        raise ValueError(f"a label is {labels.min()}, expected class ids from 0")
    return labels.astype(np.int32)


def names_of(names, labels):
    """`as_class_names`, at least one for every class id in labels (n,).

    Raises:
        ValueError: no such names, or a label without one.
    """
    names = as_class_names(names)
    if names is not None and len(labels) and labels.max() >= len(names):
        raise ValueError(
            f"class_names has {len(names)} names and a label is {labels.max()}, expected a name "
            "for every class id"
        )
    return names


def numbered(num_classes):
    """The class ids as text, where there are no names."""
    return tuple(map(str, range(num_classes)))
