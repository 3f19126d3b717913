"""Nested lists, as JSON has them, into arrays."""

import base64
import itertools

import numpy as np

from attention_zoo.serving import tensors
from attention_zoo.serving.refused import Refused

TYPES: dict[str, set[type]] = {
    "float": {int, float},
    "integer": {int},
    "bool": {bool},
    "string": {str, dict},
}
WORDS = {
    "float": "numbers",
    "integer": "whole numbers",
    "bool": "true or false",
    "string": "strings",
}


def to_array(value, name, spec):
    """The array that nested lists spell out.

    Args:
        value: lists in lists, of numbers, of true and false, or of strings and {"b64": ...}.
        name: of the input.
        spec: its `tf.TensorSpec`.

    Raises:
        Refused: ragged lists, values of another type, a shape or numbers that do not fit.
    """
    flat, shape = _flatten(value, name, spec)
    tensors.check_shape(shape, name, spec)
    family = tensors.family(spec.dtype)
    if not set(map(type, flat)) <= TYPES[family]:
        raise Refused(
            400, f"{name} has values that are not {WORDS[family]}, expected {spec.dtype.name}"
        )
    return _CONVERT[family](flat, name, spec.dtype).reshape(shape)


def is_binary(value):
    """Whether it is TensorFlow Serving's {"b64": ...}."""
    return isinstance(value, dict) and value.keys() == {"b64"}


def _flatten(value, name, spec):
    """What is inside as many lists as the input has axes, one after another; and the shape."""
    flat, shape = [value], []
    for axis in range(len(spec.shape)):
        if not set(map(type, flat)) <= {list}:
            raise Refused(400, f"{name} has {axis} axes, expected {tensors.shape_of(spec)}")
        lengths = set(map(len, flat)) or {0}
        if len(lengths) > 1:
            some = " and ".join(map(str, sorted(lengths)[:2]))
            raise Refused(400, f"{name} has lists of {some} at axis {axis}, expected one length")
        shape.append(lengths.pop())
        flat = list(itertools.chain.from_iterable(flat))
    if list in map(type, flat):
        raise Refused(400, f"{name} has more axes, expected {tensors.shape_of(spec)}")
    return flat, tuple(shape)


def _floats(flat, name, dtype):
    try:
        return tensors.cast(np.array(flat, np.float64), name, dtype)
    except OverflowError:
        raise Refused(400, f"{name} has a number out of range, expected {dtype.name}") from None


def _integers(flat, name, dtype):
    tensors.check_range(min(flat), max(flat), name, dtype)
    return np.array(flat, dtype.as_numpy_dtype)


def _bools(flat, name, dtype):
    return np.array(flat)


def _strings(flat, name, dtype):
    return np.array([_bytes(value, name) for value in flat], object)


def _bytes(value, name):
    try:
        if isinstance(value, str):
            return value.encode()
        if is_binary(value) and isinstance(value["b64"], str):
            return base64.b64decode(value["b64"], validate=True)
    except ValueError as error:
        raise Refused(400, f"{name} has a string that is not valid: {error}") from None
    raise Refused(400, f'{name} has an object, expected a string or {{"b64": "..."}}')


_CONVERT = {"float": _floats, "integer": _integers, "bool": _bools, "string": _strings}
