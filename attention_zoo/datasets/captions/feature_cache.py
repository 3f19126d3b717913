"""What a frozen encoder makes of pictures, computed once and kept on disk."""

import dataclasses
import hashlib
import inspect
import json
import os
import typing
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from attention_zoo._paths import expanded
from attention_zoo.datasets.captions.feature_writer import (
    FILE,
    check_size,
    check_sums,
    compute,
    locked,
    whole,
)

DTYPES = ("float16", "float32")
_VERSION = 3  # of how pictures are decoded, resized and kept: a change makes all caches anew


class Images(typing.Protocol):
    """What an encoder can be given image by image: `Pictures`, `ImageArray`."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one image, (h, w, c)."""

    def __len__(self) -> int:
        """How many there are."""

    def identity(self) -> tuple:
        """What tells them from others: what JSON can hold."""

    def fingerprint(self):
        """A `fingerprint` of them."""

    def attach(self, batches, batch_size):
        """Batches of (numbers (b,), which images (b,)) -> (numbers, images, readable (b,))."""


@dataclasses.dataclass(frozen=True, eq=False)
class Features:
    """Features of n pictures, R regions of d features each, read from disk as they are needed.

    Attributes:
        pictures: The `Pictures` or other images they are of.
        path: The file they are in, as they follow each other in memory.
        shape: (R, d).
        dtype: "float16" or "float32".
        unreadable: Numbers of the pictures that could not be decoded: their features are NaN.
        encoded: How many pictures the encoder was given to make these; 0 where all was there.
    """

    pictures: Images
    path: Path
    shape: tuple[int, int]
    dtype: str
    unreadable: frozenset[int] = dataclasses.field(repr=False)
    encoded: int

    name = "features"  # of this input of a model

    def __len__(self):
        return len(self.pictures)

    def fingerprint(self):
        """A `fingerprint` of the pictures."""
        return self.pictures.fingerprint()

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
    of the pictures (name of the file and of its folder, first byte, number of bytes, and the first
    and last 4 kB themselves), of the size in pixels, and of `dtype`. Whoever asks for the same
    again, in this run or another, reads what is there; another process that asks meanwhile waits
    until it is. Until it is whole the file has another name; work that was broken off goes on
    after the last 256 pictures that are on the disk. What is read is checked first, every 256
    pictures against the SHA-256 that was taken when they were written.

    On disk a picture takes R d numbers: 196 × 512 of VGG19 200 kB in float16, 16.6 GB for the
    82,783 training pictures of COCO. In memory are the features of 256 pictures at a time, twice
    while they are put together, and the pixels of a few times `batch_size` pictures.

    Args:
        pictures: `Pictures`, or an `ImageArray` of base images, which are scaled to [-1, 1].
        encoder: A Keras model, RGB (b, h, w, 3) float32 in 0..255 -> (b, h', w', d), (b, R, d), or
            (b, d), which is one region.
            One of a class of its own that takes arguments has a `get_config`; its code is not in
            the hash.
        folder: The folder of all caches.
        dtype: Of the numbers on disk: "float16" (a relative error of 5e-4, up to 65,504), or
            "float32".
        batch_size: Pictures that the encoder takes at a time.
        progress: Function (pictures done, pictures in all), called every 256 pictures.

    Returns:
        `Features`.

    Raises:
        ValueError: The encoder does not take such pictures or has no configuration, its output has
            another rank or is not finite, no picture can be read, or what is on disk is damaged.
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype is {dtype!r}, expected one of {list(DTYPES)}")
    given = _output_shape(encoder, pictures.shape)
    if len(given) not in (2, 3, 4):
        raise ValueError(f"encoder gives shape {given}, expected (b, h, w, d), (b, R, d) or (b, d)")
    folder = Path(expanded(folder), fingerprint(encoder, pictures, dtype))
    folder.mkdir(parents=True, exist_ok=True)
    encoded, size = 0, (len(pictures), dtype)
    facts = whole(folder, *size)
    if facts is None:
        with locked(folder):
            facts = whole(folder, *size)  # by now, perhaps
            if facts is None:
                facts, encoded = compute(folder, pictures, encoder, dtype, batch_size, progress)
    if not encoded:
        check_size(folder, facts, given[-1])
        check_sums(folder / FILE, facts)
    unreadable = frozenset(facts["unreadable"])
    if len(unreadable) == len(pictures):
        raise ValueError(f"none of the {len(pictures)} pictures can be read, expected some")
    path, shape = folder / FILE, tuple(facts["shape"])
    return Features(pictures, path, shape, dtype, unreadable, encoded)


def _output_shape(encoder, shape):
    """What an encoder makes of pictures of a shape, (None, ...); builds it where it is not yet."""
    try:
        inputs = keras.Input(shape, dtype="float32", name="pictures")
        return tuple(encoder(inputs, training=False).shape)
    except Exception as error:  # of whatever its code raises
        reason = type(error).__name__
        raise ValueError(
            f"encoder takes no pictures {(None, *shape)} ({reason}), expected a model of one input "
            "and one output"
        ) from error


def fingerprint(encoder, pictures, dtype):
    """The name of a cache: 20 hexadecimal digits of a SHA-256."""
    digest = hashlib.sha256()
    config = _config(encoder)
    for part in (_VERSION, config, *pictures.identity(), dtype):
        digest.update(json.dumps(part, sort_keys=True, default=str).encode())
    for weight in encoder.weights:
        digest.update(np.ascontiguousarray(weight.numpy()).tobytes())
    return digest.hexdigest()[:20]


def _config(encoder):
    """The configuration of an encoder, as it is saved."""
    kind = type(encoder)
    # Where a model has no get_config Keras makes one, of the defaults, whatever it was given.
    made_up = kind.get_config is keras.Layer.get_config
    taken = set(inspect.signature(kind.__init__).parameters) - {"self", "name", "args", "kwargs"}
    if made_up and taken:
        raise ValueError(
            f"encoder {kind.__name__} takes {sorted(taken)} and has no get_config, expected one"
        )
    return keras.saving.serialize_keras_object(encoder)
