"""Checks of settings that are numbers, and of shapes."""

import numbers
import operator


def as_count(name, value, least):
    """The setting as an int of `least` or more; ValueError otherwise."""
    try:
        count = operator.index(value)
    except TypeError:
        raise ValueError(f"{name} is {value!r}, expected an integer") from None
    if count < least:
        raise ValueError(f"{name} is {count}, expected {least} or more")
    return count


def as_number(name, value, expected, is_right):
    """The setting as a float that `is_right`; ValueError, naming what is `expected`, otherwise."""
    if not isinstance(value, numbers.Real) or not is_right(value):
        raise ValueError(f"{name} is {value!r}, expected a number {expected}")
    return float(value)


def may_be_equal(shape, other):
    """Whether two static shapes may be equal; a dimension `None` may be anything."""
    return len(shape) == len(other) and all(
        s is None or t is None or s == t for s, t in zip(shape, other, strict=True)
    )
