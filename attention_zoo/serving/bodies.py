"""Bodies by their content type, and answers by what the client accepts."""

import asyncio

from attention_zoo.serving.array_bodies import read_npy, read_npz, write_npz
from attention_zoo.serving.json_bodies import read_json, write_json
from attention_zoo.serving.request_error import RequestError, check_count

JSON, NPY, NPZ = "application/json", "application/x-npy", "application/x-npz"
# TensorFlow Serving reads JSON whatever the type says; `curl -d` names a form.
AS_JSON = {None, JSON, "application/x-www-form-urlencoded"}
AS_NPZ = {NPZ, "application/zip"}
LARGE = 2**16  # bytes of a body or answer that take a thread of their own, a millisecond or more


def check_content_type(content_type):
    """Refuses a type that `read` does not know."""
    if content_type not in AS_JSON | AS_NPZ | {NPY}:
        raise RequestError(415, f"content type is {content_type}, expected {JSON}, {NPY} or {NPZ}")


def read(body, content_type, signature_name, model, limits):
    """The `Call` in a body.

    Args:
        body: bytes.
        content_type: without parameters; None where the client names none.
        signature_name: for arrays; a JSON body holds its own. None is the default.
        model: the `ServedModel`.
        limits: the `Limits`.

    Raises:
        RequestError: a body that does not hold one.
    """
    if content_type in AS_JSON:
        call = read_json(body, model, limits.max_batch)
    elif content_type in AS_NPZ:
        call = read_npz(body, model.signature(signature_name), limits.max_body_bytes)
    else:
        call = read_npy(body, model.signature(signature_name), limits.max_body_bytes)
    call.signature.check_rows(call.arrays)
    check_count(call.rows, limits.max_batch)
    call.signature.check_texts(call.arrays, limits.max_text_bytes)
    return call


def write(call, outputs, accept, limits):
    """(bytes, content type) of the answer; npz where the client's Accept names it."""
    if NPZ in accept:
        return write_npz(outputs, limits.max_body_bytes), NPZ
    return write_json(call, outputs), JSON


async def aside(size, function, *args):
    """Calls `read` or `write`, in a thread if so many bytes would hold up other requests."""
    if size < LARGE:
        return function(*args)
    return await asyncio.to_thread(function, *args)
