"""Names of the classes, in the order of the labels."""

from collections.abc import Iterable


def as_class_names(names, num_classes=None):
    """A tuple of the names; None where there are none.

    Args:
        names: sequence of distinct texts, or None.
        num_classes: how many there have to be; None where it is not known yet.

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
            f"class_names has {len(names)} names, expected {num_classes}, one for each class of "
            "the classifier"
        )
    return names


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
