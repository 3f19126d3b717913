"""Mosaics: index tables over base images that are kept once."""

import dataclasses

import numpy as np
import tensorflow as tf

from attention_zoo.datasets.epochs import check_batch_size, endless_epochs
from attention_zoo.datasets.fingerprint import fingerprint


def gather_segments(images, rows):
    """Looks segments up in the base images; runs in a graph, on the device of `images`.

    Bytes are scaled to [-1, 1], floats are kept as they are.

    Args:
        images: Base images, (N, ...), uint8 or floating.
        rows: Indices into `images`, (..., m), integer.

    Returns:
        Segments, (..., m, ...), float32.
    """
    return scaled(tf.gather(images, rows))


def scaled(segments):
    """Bytes as float32 in [-1, 1], by (x - 127.5) / 127.5; other numbers as float32."""
    if segments.dtype != tf.uint8:
        return tf.cast(segments, tf.float32)
    # The difference is exact, so this rounds once: the same bits in NumPy, eagerly and under XLA.
    return (tf.cast(segments, tf.float32) - 127.5) * (1 / 127.5)


@dataclasses.dataclass(frozen=True, eq=False)
class Mosaics:
    """n mosaics of m segments each, as rows of indices into N base images.

    The table costs 4 bytes a segment; the pixels of a mosaic exist only while its batch is in
    flight. On a device: put `images` there once and call `gather_segments` on rows of `table`.

    Attributes:
        images: Base images, a tensor in host memory, (N, ...), uint8 or floating.
        table: Indices into `images`, (n, m), int32.
        labels: Index of the foreground image's class, (n,), int32.
        focus: Position of the foreground image, the z of the paper, (n,), int32.
    """

    images: tf.Tensor = dataclasses.field(repr=False)
    table: np.ndarray = dataclasses.field(repr=False)
    labels: np.ndarray = dataclasses.field(repr=False)
    focus: np.ndarray = dataclasses.field(repr=False)

    def gather(self, table_rows):
        """Segments, (b, m, ...) float32, of rows of the table, (b, m) integer."""
        return gather_segments(self.images, table_rows)

    def fingerprint(self):
        """A `fingerprint` of images and mosaics."""
        return fingerprint(self.images, self.table, self.labels, self.focus)

    def head(self, count):
        """The first `count` mosaics, or all if there are fewer."""
        parts = {name: getattr(self, name)[:count] for name in ("table", "labels", "focus")}
        return dataclasses.replace(self, **parts)

    def dataset(self, batch_size=None, shuffle=False, seed=0, drop_remainder=False):
        """Returns the pipeline of (segments, {"label", "focus"}), in the order of `index_dataset`.

        Two batches exist at most: the one in use, and the next, made meanwhile.

        Args:
            batch_size: Mosaics a batch; None leaves out the batch axis.
            shuffle: Whether each pass is a new permutation of all mosaics.
            seed: Seed of these permutations; TensorFlow adds its global seed where one is set.
            drop_remainder: Whether a last batch smaller than `batch_size` is left out.
        """
        return self._gathered(self.index_dataset(batch_size, shuffle, seed, drop_remainder))

    def index_dataset(self, batch_size=None, shuffle=False, seed=0, drop_remainder=False):
        """Returns the pipeline of (rows of the table, {"label", "focus"}), to be gathered."""
        if batch_size is not None and batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}, expected 1 or more, or None")
        numbers = tf.data.Dataset.range(len(self.table))
        if shuffle:
            numbers = numbers.shuffle(len(self.table), seed=seed, reshuffle_each_iteration=True)
        if batch_size is not None:
            numbers = numbers.batch(batch_size, drop_remainder=drop_remainder)
        return self._look_up(numbers)

    def endless(self, batch_size, *, seed=0, first_step=0):
        """Returns full batches without end, epoch after epoch, for `fit(steps_per_epoch=...)`.

        The order of an epoch follows from the seed and the epoch's number alone, so a run that
        was broken off goes on in the same order. An epoch has n // batch_size batches.

        Args:
            batch_size: Mosaics a batch.
            seed: A non-negative integer.
            first_step: The number of the first batch, counted from the first epoch's first.
        """
        return self._gathered(self.endless_indices(batch_size, seed=seed, first_step=first_step))

    def endless_indices(self, batch_size, *, seed=0, first_step=0):
        """Returns what `endless` does as rows of the table, to be gathered."""
        n = len(self.table)
        check_batch_size(batch_size, most=n, what="mosaics")

        def epoch(number):
            order = tf.random.experimental.stateless_shuffle(tf.range(n), [seed, number])
            return tf.data.Dataset.from_tensor_slices(order).batch(batch_size, True)

        return self._look_up(endless_epochs(epoch, n // batch_size, first_step))

    def _gathered(self, indices):
        """(Rows of the table, targets) -> (segments, targets)."""

        def example(rows, targets):
            return self.gather(rows), targets

        return indices.map(example).prefetch(1)

    def _look_up(self, numbers):
        """Numbers of mosaics -> (rows of the table, targets)."""
        with tf.device("CPU:0"):  # made here, they are inputs of the graph, not constants in it
            table, label, focus = map(tf.constant, (self.table, self.labels, self.focus))

        def example(i):
            targets = {"label": tf.gather(label, i), "focus": tf.gather(focus, i)}
            return tf.gather(table, i), targets

        return numbers.map(example).with_options(_one_at_a_time())


def _one_at_a_time():
    """Keeps tf.data from making maps parallel by itself: each call holds a batch of its own."""
    options = tf.data.Options()
    options.experimental_optimization.map_parallelization = False
    return options
