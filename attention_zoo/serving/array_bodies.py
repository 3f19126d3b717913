"""Bodies of NumPy arrays: npy holds one, npz several by name. Nothing in them is unpickled."""

import io
import math
import zipfile

import numpy as np
from numpy.lib import format as npy

from attention_zoo._errors import first_line
from attention_zoo.serving.request_error import (
    RequestError,
    cast,
    check_kind,
    check_shape,
    padded_bytes,
)
from attention_zoo.serving.served_model import Call

READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def read_npy(body, signature, most_bytes):
    """The `Call` in one array, for a signature with one input.

    Args:
        body: bytes, as `np.save` writes them.
        signature: the `Signature`.
        most_bytes: of the array, in the type of the input.

    Raises:
        RequestError: a body that is no npy, or an array that does not fit the signature.
    """
    if len(signature.inputs) > 1:
        raise RequestError(400, f"body is npy, one array, expected npz of {list(signature.inputs)}")
    (name,) = signature.inputs
    return Call(signature, {name: _array(body, name, signature, most_bytes)})


def read_npz(body, signature, most_bytes):
    """The `Call` in arrays by name.

    Args:
        body: bytes, as `np.savez` or `np.savez_compressed` writes them.
        signature: the `Signature`.
        most_bytes: of the arrays, unpacked, and of each in the type of its input.

    Raises:
        RequestError: a body that is no npz, is too large unpacked, or does not fit the signature.
    """
    parts = _unpacked(body, signature, most_bytes)
    arrays = {name: _array(parts[name], name, signature, most_bytes) for name in signature.inputs}
    return Call(signature, arrays)


def write_npz(outputs, most_bytes):
    """The bytes of an npz of outputs by name; strings are NumPy's bytes.

    Raises:
        RequestError: strings that have more bytes than these once they are as long as the longest.
    """
    file = io.BytesIO()
    np.savez(file, **{name: _plain(array, name, most_bytes) for name, array in outputs.items()})
    return file.getvalue()


def _plain(array, name, most_bytes):
    """As a type that npy has."""
    size = padded_bytes([array])
    if array.dtype == object and size > most_bytes:
        raise RequestError(
            406, f"{name} has strings of {size} bytes as npz, expected {most_bytes}: accept JSON"
        )
    return array.astype({"O": "S", "V": np.float32}.get(array.dtype.kind, array.dtype))


def _unpacked(body, signature, most_bytes):
    """Bytes of the files in a zip, by the names of the inputs."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            members = archive.infolist()
            names = [member.filename.removesuffix(".npy") for member in members]
            _check_members(members, names, signature, most_bytes)
            return {name: _member(archive, one) for name, one in zip(names, members, strict=True)}
    except RequestError:
        raise
    except Exception as error:  # zipfile has many for what is no zip
        raise RequestError(400, f"body is not npz: {str(error) or type(error).__name__}") from None


def _member(archive, member):
    """Its bytes: no more are unpacked than it names, as `ZipFile.read` would."""
    with archive.open(member) as file:
        return file.read(member.file_size)


def _check_members(members, names, signature, most_bytes):
    if len(set(names)) < len(names):
        raise RequestError(400, "body names an array twice, expected each input once")
    signature.check_names(names)
    size = sum(member.file_size for member in members)
    if size > most_bytes:
        raise RequestError(
            413, f"arrays have {size} bytes unpacked, expected {most_bytes} or fewer"
        )
    if any(one.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for one in members):
        raise RequestError(
            400, "body is packed in another way, expected np.savez's or _compressed's"
        )


def _array(data, name, signature, most_bytes):
    """The array in an npy, checked by its header before any memory is taken for it."""
    spec, file = signature.inputs[name], io.BytesIO(data)
    shape, fortran, dtype = _header(file, name)
    check_kind(dtype, name, spec.dtype)
    signature.check_bytes(dtype, name)
    check_shape(shape, name, spec)
    there, size = len(data) - file.tell(), math.prod(shape) * dtype.itemsize
    if size != there or not dtype.itemsize:
        raise RequestError(
            400, f"{name} has {there} bytes of data, expected {size} of a shape {shape}"
        )
    size = math.prod(shape) * spec.dtype.size
    if size > most_bytes:
        raise RequestError(
            413, f"{name} has {size} bytes as {spec.dtype.name}, expected {most_bytes}"
        )
    array = np.frombuffer(data, dtype, offset=file.tell())
    array = array.reshape(shape, order="F" if fortran else "C")
    try:
        return cast(array, name, spec.dtype)
    except (UnicodeError, SystemError):  # the latter from letters beyond Unicode
        raise RequestError(400, f"{name} has strings that are not Unicode, expected text") from None


def _header(file, name):
    """(shape, whether in Fortran's order, type) of an npy; the file is left at its data."""
    try:
        shape, fortran, dtype = READERS[npy.read_magic(file)](file)
    except Exception as error:  # Python's parser reads the header: it has many
        reason = first_line(error)
        raise RequestError(400, f"{name} is not npy: {reason}") from None
    if any(type(n) is not int or abs(n) >= 2**63 for n in shape):
        raise RequestError(
            400, f"{name} is not npy: its shape has what is no whole number of 64 bits"
        )
    return shape, fortran, dtype
