"""What a frozen encoder makes of pictures, computed once and kept on disk."""

import dataclasses
import hashlib
import json
import os
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from attention_zoo.datasets.feature_writer import FILE, compute, whole
from attention_zoo.datasets.pictures import Pictures

DTYPES = ("float16", "float32")


@dataclasses.dataclass(frozen=True, eq=False)
class Features:
    """Features of n pictures, R regions of d features each, read from disk as they are needed.

    Attributes:
        pictures: The `Pictures` they are of.
        path: The file they are in, as they follow each other in memory.
        shape: (R, d).
        dtype: "float16" or "float32".
        unreadable: Numbers of the pictures that could not be decoded: their features are NaN.
        encoded: How many pictures the encoder was given to make these; 0 where all was there.
    """

    pictures: Pictures
    path: Path
    shape: tuple[int, int]
    dtype: str
    unreadable: frozenset[int] = dataclasses.field(repr=False)
    encoded: int

    name = "features"  # of this input of a model

    def __len__(self):
        return len(self.pictures)

    def tensor(self):
        """All features, (n, R, d): a map of the file, of which only what is read takes memory."""
        with tf.device("CPU:0"):
            return tf.raw_ops.ImmutableConst(
                dtype=self.dtype,
                shape=(len(self), *self.shape),
                memory_region_name=os.fspath(self.path),
            )

    def attach(self, batches, batch_size):
        """As `Pictures.attach`, with features (b, R, d) float32 for pictures."""
        all_of_them = self.tensor()

        def attached(numbers, rows):
            x = tf.cast(tf.gather(all_of_them, rows), tf.float32)
            return numbers, x, tf.ones_like(rows, tf.bool)

        return batches.map(attached)


def cached_features(pictures, encoder, folder, *, dtype="float16", batch_size=32, progress=None):
    """Features of pictures by an encoder: read from disk, computed as far as they are not there.

    They are in a folder of their own, named by a hash of the encoder's configuration and weights,
    of the names and sizes in bytes of the pictures' files, of the size in pixels, and of `dtype`.
    Whoever asks for the same again, in this run or another, reads what is there. Until it is whole
    the file has another name; work that was broken off goes on after the last 256 pictures that
    are on the disk.

    On disk a picture takes R d numbers: 196 × 512 of VGG19 200 kB in float16, 16.6 GB for the
    82,783 training pictures of COCO. In memory are `batch_size` pictures at a time.

    Args:
        pictures: `Pictures`.
        encoder: A Keras model, RGB (b, h, w, 3) float32 in 0..255 -> (b, h', w', d) or (b, R, d).
        folder: The folder of all caches.
        dtype: Of the numbers on disk: "float16" (a relative error of 5e-4, up to 65,504), or
            "float32".
        batch_size: Pictures that the encoder takes at a time.
        progress: Function (pictures done, pictures in all), called every 256 pictures.

    Returns:
        `Features`.

    Raises:
        ValueError: The encoder's output has another rank, is not finite, or no picture can be
            read.
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype is {dtype!r}, expected one of {list(DTYPES)}")
    if len(encoder.output_shape) not in (3, 4):
        raise ValueError(
            f"encoder gives shape {encoder.output_shape}, expected (b, h, w, d) or (b, R, d)"
        )
    folder = Path(folder, fingerprint(encoder, pictures, dtype))
    folder.mkdir(parents=True, exist_ok=True)
    encoded, facts = 0, whole(folder)
    if facts is None:
        facts, encoded = compute(folder, pictures, encoder, dtype, batch_size, progress)
    unreadable = frozenset(facts["unreadable"])
    if len(unreadable) == len(pictures):
        raise ValueError(f"none of the {len(pictures)} pictures can be read, expected some")
    path, shape = folder / FILE, tuple(facts["shape"])
    return Features(pictures, path, shape, dtype, unreadable, encoded)


def fingerprint(encoder, pictures, dtype):
    """The name of a cache: 20 hexadecimal digits of a SHA-256."""
    digest = hashlib.sha256()
    config = keras.saving.serialize_keras_object(encoder)
    names = [(os.path.basename(path), start, size) for path, start, size in pictures.places]
    for part in (config, names, pictures.size, dtype):
        digest.update(json.dumps(part, sort_keys=True, default=str).encode())
    for weight in encoder.weights:
        digest.update(np.ascontiguousarray(weight.numpy()).tobytes())
    return digest.hexdigest()[:20]
