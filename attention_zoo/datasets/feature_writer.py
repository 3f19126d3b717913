"""Writes the features of pictures, block by block, so that they can be broken off and taken up.

A folder has `features.bin`, all features as they follow each other in memory, and `index.json`,
what is known of them. Until both are whole there is `features.part`, and `done.json` says how much
of it is on the disk. Who writes holds `.lock`.
"""

import contextlib
import json
import os

import numpy as np
import tensorflow as tf

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

FILE = "features.bin"
_LOCK = ".lock"
_PART, _INDEX, _DONE = "features.part", "index.json", "done.json"
_BLOCK = 256  # pictures


def whole(folder):
    """What is known of a whole cache, a dict; None where there is none."""
    facts = _read_json(folder / _INDEX)
    return facts if facts is not None and _size(folder / FILE) == facts["bytes"] else None


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
    done = _read_json(folder / _DONE)
    if done is None or (_size(folder / _PART) or 0) < done["bytes"]:
        done = {"pictures": 0, "bytes": 0, "unreadable": []}
        (folder / _PART).write_bytes(b"")
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
    with path.open("r+b") as file:
        file.seek(size)
        file.write(x.tobytes())
        file.flush()
        os.fsync(file.fileno())


def _write_json(path, content):
    temporary = path.with_name(f".writing-{path.name}")
    with temporary.open("w") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def _read_json(path):
    """What a file says; None where there is none, or half of one."""
    with contextlib.suppress(OSError, ValueError):
        return json.loads(path.read_text())
    return None


def _size(path):
    """Bytes of a file; None where there is none."""
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return None
