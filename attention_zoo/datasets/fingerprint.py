"""Fingerprints of data: equal where the data are, whatever file they came out of."""

import contextlib
import hashlib
from pathlib import Path

import numpy as np

from attention_zoo._sums import sha256

_END = 4096  # bytes at either end of a picture


def fingerprint(*parts):
    """The SHA-256, 64 hexadecimal digits, of arrays in their order.

    Args:
        *parts: arrays or tensors of numbers, or sequences of texts, strings or bytes.
    """
    digest = hashlib.sha256()
    for part in parts:
        array = np.asarray(part)
        if array.dtype.kind in "OSU":
            for one in _texts(array):
                digest.update(one)
        else:
            digest.update(f"{array.dtype.str} {array.shape};".encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _texts(array):
    """How many there are, how long each is, and then all of them, as bytes."""
    texts = [one.encode() if isinstance(one, str) else bytes(one) for one in array.ravel().tolist()]
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    return f"texts {array.shape};".encode(), lengths.tobytes(), b"".join(texts)


def path_fingerprint(path):
    """Of a file its fingerprint; of a folder that of all files below, their paths in it too.

    Hidden folders in it, such as those of caches and of git, are passed over.
    """
    path = Path(path)
    names = [one.relative_to(path) for one in path.rglob("*") if one.is_file()]
    names = [one.as_posix() for one in sorted(names) if not _is_in_hidden_folder(one)]
    files = [path / name for name in names]
    if not files:
        return file_fingerprint(path)
    return fingerprint(names, [file_fingerprint(one) for one in files])


def _is_in_hidden_folder(path):
    return any(part.startswith(".") for part in path.parts[:-1])


def file_fingerprint(path):
    """The SHA-256 of a file's bytes; of none where it cannot be read."""
    with contextlib.suppress(OSError):
        return sha256(path)
    return hashlib.sha256().hexdigest()


def ends(path, start, size):
    """The SHA-256 of the first and last 4 kB of a picture; of none where they cannot be read.

    Args:
        path: of the file.
        start: the picture's first byte in it.
        size: its number of bytes.
    """
    digest = hashlib.sha256()
    with contextlib.suppress(OSError), open(path, "rb", buffering=0) as file:
        file.seek(start)
        digest.update(file.read(min(_END, size)))
        if size > _END:
            file.seek(start + max(_END, size - _END))
            digest.update(file.read(min(_END, size - _END)))
    return digest.hexdigest()
