"""JSON bodies in TensorFlow Serving's shape: requests into calls, outputs into answers."""

import base64
import itertools
import json

import numpy as np

from attention_zoo.serving.request_error import (
    RequestError,
    cast,
    check_count,
    check_range,
    check_shape,
    family,
    shape_of,
)
from attention_zoo.serving.served_model import Call

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
BLANKS = b" \t\n\v\f\r"


def read_json(body, model, most_rows):
    """The `Call` in a body of {"instances": rows} or {"inputs": columns}; other keys are ignored.

    Args:
        body: bytes.
        model: the `ServedModel`.
        most_rows: of an input; more are refused before they are looked at.

    Raises:
        RequestError: a body that is not JSON, not of this shape, or does not fit the signature.
    """
    request = _parse(body)
    if not isinstance(request, dict):
        raise RequestError(400, 'body is no object, expected one with "instances" or "inputs"')
    if ("instances" in request) == ("inputs" in request):
        raise RequestError(
            400, 'body has both or neither of "instances" and "inputs", expected one'
        )
    signature = model.signature(request.get("signature_name"))
    in_rows = "instances" in request
    values = _columns(request["instances"], signature, most_rows) if in_rows else request["inputs"]
    return Call(signature, _arrays(values, signature, most_rows), in_rows)


def write_json(call, outputs):
    """The answer to a call, bytes: {"predictions": rows} or {"outputs": columns}.

    A signature with one output gives its values without the name. Strings of outputs whose names
    end with `_bytes`, and those that are not UTF-8, are {"b64": ...}.
    """
    columns = {name: _lists(array, name) for name, array in outputs.items()}
    if not call.in_rows:
        answer = {"outputs": columns if len(columns) > 1 else next(iter(columns.values()))}
    else:
        answer = {"predictions": _rows(call, outputs, columns)}
    return json.dumps(answer, separators=(",", ":")).encode()


def _parse(body):
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except RecursionError:
        raise RequestError(
            400, "body is nested too deeply, expected as many lists as axes"
        ) from None
    except ValueError as error:
        raise RequestError(400, f"body is not JSON: {error}") from None


def _refuse_constant(word):
    raise RequestError(400, f"body has {word}, expected finite numbers")


def _columns(rows, signature, most_rows):
    """Lists of the values of each input, out of a list of rows."""
    if not isinstance(rows, list) or not rows:
        raise RequestError(400, '"instances" is no list or empty, expected one instance or more')
    check_count(len(rows), most_rows)
    if not any(isinstance(row, dict) and not _is_binary(row) for row in rows):
        return rows
    for row in rows:
        signature.check_names(row if isinstance(row, dict) else ())
    return {name: [row[name] for row in rows] for name in signature.inputs}


def _arrays(values, signature, most_rows):
    """Arrays by name of what is given by name, or without one where there is one input."""
    if not isinstance(values, dict) or _is_binary(values):
        if len(signature.inputs) > 1:
            raise RequestError(
                400, f"inputs have no names, expected objects of {list(signature.inputs)}"
            )
        values = dict.fromkeys(signature.inputs, values)
    signature.check_names(values)
    for value in values.values():
        check_count(len(value) if isinstance(value, list) else 0, most_rows)
    return {name: _to_array(values[name], name, spec) for name, spec in signature.inputs.items()}


def _rows(call, outputs, columns):
    for name, array in outputs.items():
        if not array.ndim or len(array) != call.rows:
            raise RequestError(
                400,
                f'{name} has shape {array.shape} for {call.rows} rows, expected "inputs" for it',
            )
    if len(columns) == 1:
        return next(iter(columns.values()))
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _lists(array, name):
    """An output as nested lists of what JSON has."""
    if array.dtype.kind == "V":  # bfloat16
        array = array.astype(np.float32)
    if array.dtype.kind != "O":
        return array.tolist()
    texts = np.empty(array.shape, object)
    for i, value in np.ndenumerate(array):
        texts[i] = _text(value, name.endswith("_bytes"))
    return texts.tolist()


def _text(value, binary):
    try:
        if not binary:
            return value.decode()
    except UnicodeDecodeError:
        pass
    return {"b64": base64.b64encode(value).decode()}


def _to_array(value, name, spec):
    """The array that nested lists spell out.

    Args:
        value: lists in lists, of numbers, of true and false, or of strings and {"b64": ...}.
        name: of the input.
        spec: its `tf.TensorSpec`.

    Raises:
        RequestError: ragged lists, values of another type, a shape or numbers that do not fit.
    """
    flat, shape = _flatten(value, name, spec)
    check_shape(shape, name, spec)
    kind = family(spec.dtype)
    if not set(map(type, flat)) <= TYPES[kind]:
        raise RequestError(
            400, f"{name} has values that are not {WORDS[kind]}, expected {spec.dtype.name}"
        )
    return _CONVERT[kind](flat, name, spec.dtype).reshape(shape)


def _is_binary(value):
    """Whether it is TensorFlow Serving's {"b64": ...}."""
    return isinstance(value, dict) and value.keys() == {"b64"}


def _flatten(value, name, spec):
    """What is inside as many lists as the input has axes, one after another; and the shape."""
    flat, shape = [value], []
    for axis in range(len(spec.shape)):
        if not set(map(type, flat)) <= {list}:
            raise RequestError(400, f"{name} has {axis} axes, expected {shape_of(spec)}")
        lengths = set(map(len, flat)) or {0}
        if len(lengths) > 1:
            some = " and ".join(map(str, sorted(lengths)[:2]))
            raise RequestError(
                400, f"{name} has lists of {some} at axis {axis}, expected one length"
            )
        shape.append(lengths.pop())
        flat = list(itertools.chain.from_iterable(flat))
    if list in map(type, flat):
        raise RequestError(400, f"{name} has more axes, expected {shape_of(spec)}")
    return flat, tuple(shape)


def _floats(flat, name, dtype):
    try:
        return cast(np.array(flat, np.float64), name, dtype)
    except OverflowError:
        raise RequestError(
            400, f"{name} has a number out of range, expected {dtype.name}"
        ) from None


def _integers(flat, name, dtype):
    check_range(min(flat), max(flat), name, dtype)
    return np.array(flat, dtype.as_numpy_dtype)


def _bools(flat, name, dtype):
    return np.array(flat)


def _strings(flat, name, dtype):
    return np.array([_bytes(value, name) for value in flat], object)


def _bytes(value, name):
    try:
        if isinstance(value, str):
            return value.encode()
        if _is_binary(value) and isinstance(value["b64"], str):
            return _from_base64(value["b64"].encode("ascii"))
    except ValueError as error:
        raise RequestError(400, f"{name} has a string that is not valid: {error}") from None
    raise RequestError(400, f'{name} has an object, expected a string or {{"b64": "..."}}')


def _from_base64(text):
    """As TensorFlow Serving reads it: blanks are skipped, padding is = or . and may be left out."""
    text = text.translate(None, BLANKS)
    digits = text.rstrip(b"=.")
    missing = -len(digits) % 4
    if len(text) - len(digits) not in (0, missing):
        raise ValueError("its padding is not that of its length")
    return base64.b64decode(digits + b"=" * missing, validate=True)


_CONVERT = {"float": _floats, "integer": _integers, "bool": _bools, "string": _strings}
