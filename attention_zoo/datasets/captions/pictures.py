"""Pictures on disk, decoded and resized as they are needed."""

import dataclasses
import functools
import os
from pathlib import Path

import numpy as np
import tensorflow as tf

from attention_zoo._decode import has_palette, head, lying, upright
from attention_zoo.datasets.captions.exif import orientation_of
from attention_zoo.datasets.fingerprint import ends, fingerprint

_AT_ONCE = 16  # pictures that are decoded at the same time, at most


def _table():
    """A set of integers that the pipeline can add to."""
    with tf.device("CPU:0"):
        return tf.lookup.experimental.MutableHashTable(tf.int64, tf.int64, default_value=0)


@dataclasses.dataclass(frozen=True, eq=False)
class Pictures:
    """n pictures: where their bytes are. No pixel is kept.

    A picture is turned upright, as its EXIF data say.

    The pipeline is of TensorFlow's operations alone: a Python function in it can lock up with a
    thread that destroys an iterator.

    Attributes:
        ids: As their data set has them, (n,) int64.
        places: (path, first byte, number of bytes) of each; a file of its own begins at None, a
            record of TFRecord at its first byte.
        size: Height and width that each is resized to, (h, w); its aspect is not kept.
        turns: Orientation of each, 1 to 8, (n,); None reads them from the files, at the first use.
    """

    ids: np.ndarray = dataclasses.field(repr=False)
    places: list[tuple[str, int | None, int]] = dataclasses.field(repr=False)
    size: tuple[int, int]
    turns: np.ndarray | None = dataclasses.field(default=None, repr=False)
    _unreadable: tf.lookup.experimental.MutableHashTable = dataclasses.field(
        default_factory=_table, repr=False
    )

    name = "image"  # of this input of a model

    @property
    def unreadable(self):
        """Numbers of those found to be no pictures, so far: they are decoded when needed only."""
        return set(self._unreadable.export()[0].numpy().tolist())

    def __len__(self):
        return len(self.ids)

    @property
    def shape(self):
        """Of one picture, (h, w, 3)."""
        return (*self.size, 3)

    def identity(self):
        """What tells the pictures from others in the name of a feature cache: what JSON can hold.

        Names of files and of their folders, first bytes, numbers of bytes, and `ends`.
        """
        places = [
            (Path(path).parts[-2:], start, size, ends)
            for (path, start, size), ends in zip(self.places, self.ends, strict=True)
        ]
        return places, self.size

    def fingerprint(self):
        """A `fingerprint` of ids, sizes, and the first and last 4 kB of every picture."""
        sizes = [size for _, _, size in self.places]
        return fingerprint(self.ids, sizes, self.ends, self.size)

    @functools.cached_property
    def ends(self):
        """The SHA-256 of the first and last 4 kB of each, as they are at the first use."""
        return [ends(path, start or 0, size) for path, start, size in self.places]

    def __getitem__(self, rows):
        """The pixels of some pictures, (b,) -> uint8 (b, h, w, 3), black where unreadable."""
        rows = np.asarray(rows, np.int64)
        some = self._some(rows)
        batch = tf.data.Dataset.from_tensors(np.arange(len(rows)))
        ((_, x, _),) = some.attach(batch.map(lambda i: (i, i)), len(rows))
        bad = rows[sorted(some.unreadable)]
        self._unreadable.insert(bad, bad)
        return x.numpy()

    def _some(self, rows):
        """These pictures alone: of no other the file is read."""
        turns = None if self.turns is None else np.asarray(self.turns)[rows]
        places = [self.places[row] for row in rows]
        return Pictures(self.ids[rows], places, self.size, turns)

    def attach(self, batches, batch_size):
        """Batches of (numbers (b,), which pictures (b,)) -> (numbers, pictures, readable (b,)).

        Args:
            batches: A data set of batches, all of `batch_size` but the last.
            batch_size: Examples a batch.

        Returns:
            A data set of (as given (b,), uint8 (b, h, w, 3), bool (b,)), decoded in parallel, in
            the order of the batches.
        """
        read = self._reader()
        with tf.device("CPU:0"):
            turns = tf.constant(self._turns)

        def attached(number, row):
            decoded = read(row).flat_map(functools.partial(self._decoded, turns[row]))
            return decoded.map(lambda x, readable, start: (number, row, x, readable, start))

        def turned(number, row, x, readable, start):
            # Here, not where it is decoded: what is there is instantiated for every picture.
            is_sound = ~has_palette(start)
            x = upright(tf.where(is_sound, x, tf.zeros_like(x)), turns[row], self.size)
            return number, row, x, readable & is_sound

        def noted(numbers, rows, x, readable):
            bad = tf.boolean_mask(rows, ~readable)
            self._unreadable.insert(bad, bad)
            return numbers, x, readable

        pictures = one_by_one(batches.unbatch(), attached).map(turned)
        return pictures.batch(batch_size).map(noted)

    @functools.cached_property
    def _turns(self):
        """The orientation of each, (n,) int32."""
        if self.turns is not None:
            return np.asarray(self.turns, np.int32)
        return np.array([1 if i else orientation_of(path) for path, i, _ in self.places], np.int32)

    def _decoded(self, turn, data):
        """Bytes -> a data set of one element: (picture as it lies, True, the bytes' head).

        Where they cannot be decoded: (black, False, "").
        """
        h, w = self.size
        shape = (h, w, 3) if h == w else tf.where(turn >= 5, (w, h, 3), (h, w, 3))
        black = tf.data.Dataset.from_tensors((tf.zeros(shape, tf.uint8), False, ""))
        decoded = tf.data.Dataset.from_tensors(data).map(
            lambda x: (tf.cast(lying(x, self.size, turn), tf.uint8), True, head(x))
        )
        return decoded.ignore_errors().concatenate(black).take(1)

    def _reader(self):
        """A function of the number of a picture -> a data set of its bytes alone."""
        paths, starts, sizes = zip(*self.places, strict=True)
        with tf.device("CPU:0"):  # made here, they are inputs of the graph, not constants in it
            paths = tf.constant([os.fspath(path) for path in paths])
            if starts[0] is None:
                return lambda row: tf.data.Dataset.from_tensors(tf.io.read_file(paths[row]))
            after = [os.path.getsize(p) - (i or 0) - k for p, i, k in self.places]
            starts, sizes, after = (tf.constant(x, tf.int64) for x in (starts, sizes, after))

        def records(row):
            found = tf.data.FixedLengthRecordDataset(
                paths[row], sizes[row], starts[row], after[row]
            )
            return found.map(lambda record: tf.io.parse_single_example(record, _IMAGE)["image"])

        return records


_IMAGE = {"image": tf.io.FixedLenFeature((), tf.string)}


def one_by_one(examples, dataset_of):
    """The elements of `dataset_of(*example)`, one each, in order, several made at a time."""
    return examples.interleave(
        dataset_of, cycle_length=_AT_ONCE, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
    )
