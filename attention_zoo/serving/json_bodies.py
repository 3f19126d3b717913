"""JSON bodies in TensorFlow Serving's shape: requests into calls, outputs into answers."""

import base64
import json

import numpy as np

from attention_zoo.serving import tensors
from attention_zoo.serving.call import Call
from attention_zoo.serving.nested_lists import is_binary, to_array
from attention_zoo.serving.refused import Refused

KEYS = {"signature_name", "instances", "inputs"}


def read_json(body, model, most_rows):
    """The `Call` in a body of {"instances": rows} or {"inputs": columns}.

    Args:
        body: bytes.
        model: the `ServedModel`.
        most_rows: of an input; more are refused before they are looked at.

    Raises:
        Refused: a body that is not JSON, not of this shape, or does not fit the signature.
    """
    request = _parse(body)
    if not isinstance(request, dict) or not request.keys() <= KEYS:
        raise Refused(400, f"body is not of TensorFlow Serving's shape, expected {sorted(KEYS)}")
    if ("instances" in request) == ("inputs" in request):
        raise Refused(400, 'body has both or neither of "instances" and "inputs", expected one')
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
        raise Refused(400, "body is nested too deeply, expected as many lists as axes") from None
    except ValueError as error:
        raise Refused(400, f"body is not JSON: {error}") from None


def _refuse_constant(word):
    raise Refused(400, f"body has {word}, expected finite numbers")


def _columns(rows, signature, most_rows):
    """Lists of the values of each input, out of a list of rows."""
    if not isinstance(rows, list) or not rows:
        raise Refused(400, '"instances" is no list or empty, expected one instance or more')
    tensors.check_count(len(rows), most_rows)
    if not any(isinstance(row, dict) and not is_binary(row) for row in rows):
        return rows
    for row in rows:
        signature.check_names(row if isinstance(row, dict) else ())
    return {name: [row[name] for row in rows] for name in signature.inputs}


def _arrays(values, signature, most_rows):
    """Arrays by name of what is given by name, or without one where there is one input."""
    if not isinstance(values, dict) or is_binary(values):
        if len(signature.inputs) > 1:
            raise Refused(
                400, f"inputs have no names, expected objects of {list(signature.inputs)}"
            )
        values = dict.fromkeys(signature.inputs, values)
    signature.check_names(values)
    for value in values.values():
        tensors.check_count(len(value) if isinstance(value, list) else 0, most_rows)
    return {name: to_array(values[name], name, spec) for name, spec in signature.inputs.items()}


def _rows(call, outputs, columns):
    for name, array in outputs.items():
        if not array.ndim or len(array) != call.rows:
            raise Refused(
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
