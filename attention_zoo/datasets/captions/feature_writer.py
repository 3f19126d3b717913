"""Writes the features of pictures, block by block, so that they can be broken off and taken up.

A folder has `features.bin`, all features as they follow each other in memory, and `index.json`,
what is known of them: how many pictures and bytes, the shape (R, d) of a picture's features, the
numbers of the unreadable ones, and the SHA-256 of every block of so many pictures. Until both are
whole there is `features.part`, and `done.json` says the same of what is on the disk by now. Who
writes holds `.lock`.
"""

import contextlib
import hashlib
import json
import os
import typing

import numpy as np
import tensorflow as tf

from attention_zoo._json import loads

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

FILE = "features.bin"
_LOCK = ".lock"
_PART, _INDEX, _DONE = "features.part", "index.json", "done.json"
_BLOCK = 256  # pictures


def whole(folder, count, dtype):
    """What is known of a whole cache, a dict; None where there is none.

    Args:
        folder: A `Path`.
        count: Pictures that it is of.
        dtype: Of its numbers.

    Raises:
        ValueError: `index.json` does not say what one says of so many pictures.
    """
    facts = _read_facts(folder / _INDEX, count, dtype)
    if facts is None or _size(folder / FILE) != facts["bytes"]:
        return None
    if facts["pictures"] != count:
        raise ValueError(_damaged(folder / _INDEX, f"{facts['pictures']} pictures of {count}"))
    return facts


def check_size(folder, facts, size):
    """Raises ValueError where a picture's features are not of the encoder's size d."""
    found = facts["shape"][1]
    if size not in (None, found):
        what = f"features of size {found}, the encoder's of {size}"
        raise ValueError(_damaged(folder / _INDEX, what))


def check_sums(path, facts):
    """Raises ValueError where a block of a file is not what was written.

    Args:
        path: Of the features.
        facts: What is known of them, as of `whole`.
    """
    block = facts["block"]
    with path.open("rb") as file:
        for number, expected in enumerate(facts["sums"]):
            rows = min(block, facts["pictures"] - number * block)
            data = file.read(facts["bytes"] // facts["pictures"] * rows)
            if hashlib.sha256(data).hexdigest() != expected:
                first = number * block
                what = (
                    f"the features of pictures {first} to {first + rows - 1} are not those written"
                )
                raise ValueError(_damaged(path, what))


@contextlib.contextmanager
def locked(folder):
    """Waits until no one else holds a folder, and holds it, where the file system has locks."""
    with (folder / _LOCK).open("a") as file:
        if fcntl is not None:
            with contextlib.suppress(OSError):  # a network file system without locks
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


def compute(folder, pictures, encoder, dtype, batch_size, progress=None):
    """Makes what is missing of a cache; to be called with its folder `locked`.

    Args:
        folder: A `Path`.
        pictures, encoder, dtype, batch_size, progress: As of `cached_features`.

    Returns:
        As `whole`, and how many pictures the encoder was given.
    """
    encode, n = _encode(encoder), len(pictures)
    done = _read_facts(folder / _DONE, n, dtype)
    if done is None or (_size(folder / _PART) or 0) < done["bytes"]:
        done = {"pictures": 0, "bytes": 0, "unreadable": [], "block": _BLOCK, "sums": []}
        (folder / _PART).write_bytes(b"")
    check_sums(folder / _PART, done)
    before = done["pictures"]
    for start in range(before, n, _BLOCK):
        rows = range(start, min(start + _BLOCK, n))
        x, readable = _features(pictures, rows, encode, dtype, batch_size)
        _append(folder / _PART, done["bytes"], x)
        done = {
            "pictures": rows.stop,
            "bytes": done["bytes"] + x.nbytes,
            "shape": x.shape[1:],
            "unreadable": done["unreadable"] + [i for i in rows if not readable[i - start]],
            "block": _BLOCK,
            "sums": [*done["sums"], hashlib.sha256(x.tobytes()).hexdigest()],
        }
        _write_json(folder / _DONE, done)
        if progress is not None:
            progress(rows.stop, n)
    _write_json(folder / _INDEX, done)
    os.replace(folder / _PART, folder / FILE)
    (folder / _DONE).unlink()
    return done, n - before


def _encode(encoder):
    """Pictures uint8 (b, h, w, 3) -> features (b, R, d), compiled."""

    @tf.function(reduce_retracing=True)
    def encode(x):
        y = tf.cast(encoder(tf.cast(x, tf.float32), training=False), tf.float32)
        return tf.reshape(y, (tf.shape(y)[0], -1, y.shape[-1]))  # (b, R, d)

    return encode


def _features(pictures, rows, encode, dtype, batch_size):
    """Of some pictures: features (k, R, d), NaN where they cannot be read; readable (k,)."""
    batches = tf.data.Dataset.range(rows.start, rows.stop).batch(batch_size)
    batches = pictures.attach(batches.map(lambda i: (i, i)), batch_size).prefetch(2)
    parts, flags = [], []
    for _, x, readable in batches:
        with np.errstate(over="ignore"):
            part = encode(x).numpy().astype(dtype)
        if not np.isfinite(part).all():
            raise ValueError(
                f"encoder gives features that are not finite in {dtype}, expected finite ones"
                + (": try dtype float32" if dtype == "float16" else "")
            )
        part[~readable.numpy()] = np.nan
        parts.append(part)
        flags.append(readable.numpy())
    return np.concatenate(parts), np.concatenate(flags)


def _append(path, size, x):
    """Writes an array after the first `size` bytes of a file, and has the disk take it."""
    with _needs_room(path), path.open("r+b") as file:
        file.seek(size)
        file.write(x.tobytes())
        file.flush()
        os.fsync(file.fileno())


def _write_json(path, content):
    temporary = path.with_name(f".writing-{path.name}")
    with _needs_room(path):
        with temporary.open("w") as file:
            json.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)


@contextlib.contextmanager
def _needs_room(path):
    try:
        yield
    except OSError as error:
        raise OSError(
            f"{path} cannot be written ({error.strerror}), expected a disk with room: the features "
            "that are there are kept"
        ) from error


def _read_facts(path, count, dtype):
    """What a file says of features on disk; None where there is no file.

    Raises:
        ValueError: It says what cannot be of `count` pictures, or half of something.
    """
    try:
        facts = loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ValueError(_damaged(path, "no JSON in it")) from error
    wrong = _wrong(facts, count, np.dtype(dtype).itemsize)
    if wrong:
        raise ValueError(_damaged(path, wrong))
    return facts


def _wrong(facts, count, itemsize):
    """The part of what is known that cannot be so, or an empty string."""
    if not isinstance(facts, dict):
        return f"a {type(facts).__name__}"
    done: typing.Any = facts.get("pictures")
    block: typing.Any = facts.get("block")
    shape: typing.Any = facts.get("shape")
    checks = {
        "pictures": lambda: _is_int(done) and 0 < done <= count,
        "block": lambda: (
            _is_int(block) and block == _BLOCK and done in (count, done // block * block)
        ),
        "shape": lambda: _are_ints(shape, 1, None) and len(shape) == 2,
        "bytes": lambda: facts.get("bytes") == done * shape[0] * shape[1] * itemsize,
        "unreadable": lambda: _are_ints(facts.get("unreadable"), 0, count),
        "sums": lambda: _are_sums(facts.get("sums"), -(-done // block)),
    }
    for name, is_right in checks.items():
        if not is_right() or isinstance(facts[name], float):
            return f"{name} {str(facts.get(name))[:40]!r} beside {count} pictures"
    return ""


def _is_int(value):
    return type(value) is int


def _are_ints(values, least, below):
    """Whether it is a list of integers of `least` and more, and `below` a number or None."""
    return isinstance(values, list) and all(
        _is_int(one) and least <= one and (below is None or one < below) for one in values
    )


def _are_sums(values, count):
    """Whether it is a list of so many texts."""
    return isinstance(values, list) and [type(one) for one in values] == [str] * count


def _damaged(path, what):
    return (
        f"{path} is damaged: it has {what}, expected what was written: remove the folder "
        f"{path.parent.name}, and its features are made anew"
    )


def _size(path):
    """Bytes of a file; None where there is none."""
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return None
