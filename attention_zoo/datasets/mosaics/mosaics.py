"""Mosaics: index tables over base images that are kept once."""

import dataclasses
from typing import Any

import numpy as np

from attention_zoo._lazy import needed_for
from attention_zoo._pixels import from_bytes
from attention_zoo.datasets.fingerprint import fingerprint
from attention_zoo.datasets.split import Examples, Split


def gather_segments(images, rows):
    """Looks segments up in the base images, by TensorFlow, on the device of `images`.

    For a model on another backend: `Mosaics.arrays`, or `layers.GatherSegments`, which looks them
    up within the model.

    Bytes are scaled to [-1, 1], floats are kept as they are.

    Args:
        images: Base images, (N, ...), uint8 or floating.
        rows: Indices into `images`, (..., m), integer.

    Returns:
        Segments, (..., m, ...), float32.
    """
    with needed_for("gather_segments"):
        import tensorflow as tf

    return scaled(tf.gather(images, rows))


def scaled(segments):
    """Bytes as float32 in [-1, 1], by (x - 127.5) / 127.5; other numbers as float32."""
    import tensorflow as tf

    values = tf.cast(segments, tf.float32)
    return from_bytes(values) if segments.dtype == tf.uint8 else values


@dataclasses.dataclass(frozen=True, eq=False)
class Mosaics(Examples):
    """n mosaics of m segments each, as rows of indices into N base images.

    The table costs 4 bytes a segment; the pixels of a mosaic exist only while its batch is in
    flight. A model that begins with `layers.GatherSegments(images)` is trained on `table` and
    `targets`, arrays, on any backend of Keras:

        model.fit(mosaics.table, mosaics.targets)

    As a pipeline of TensorFlow, its batches are (segments, {"label", "focus"}), segments
    (b, m, ...) float32, label and focus (b,) int32; two exist at most, the one in use, and the
    next, made meanwhile.

    Attributes:
        images: Base images, an array or a tensor in host memory, (N, ...), uint8 or floating.
        table: Indices into `images`, (n, m), int32.
        labels: Index of the foreground image's class, (n,), int32.
        focus: Position of the foreground image, the z of the paper, (n,), int32.
        are_gathered: Whether batches have segments, or in their place rows of the table.
        pictures: What a person is shown of the base images where `images` are features of them,
            (N, h, w, c); None where they are themselves.
        class_names: Names of the classes, in the order of the labels; None where not known.
    """

    images: Any = dataclasses.field(repr=False)
    table: np.ndarray = dataclasses.field(repr=False)
    labels: np.ndarray = dataclasses.field(repr=False)
    focus: np.ndarray = dataclasses.field(repr=False)
    are_gathered: bool = True
    pictures: Any = dataclasses.field(default=None, repr=False)
    class_names: tuple[str, ...] | None = None

    kind = "mosaics"

    def __len__(self):
        return len(self.table)

    @property
    def targets(self):
        """{"label": labels (n,), "focus": focus (n,)}, as `fit` of a FocusClassifier takes them."""
        return {"label": self.labels, "focus": self.focus}

    @property
    def shown(self):
        """The base images for a person to see, (N, ...)."""
        return self.images if self.pictures is None else self.pictures

    def arrays(self):
        """All mosaics at once, as arrays: segments (n, m, ...) float32, and `targets`."""
        segments = np.asarray(self.images)[self.table]
        values = segments.astype(np.float32)
        return from_bytes(values) if segments.dtype == np.uint8 else values, self.targets

    def gather(self, table_rows):
        """Segments, (b, m, ...) float32, of rows of the table, (b, m) integer."""
        return gather_segments(self.images, table_rows)

    def fingerprint(self):
        """A `fingerprint` of images and mosaics."""
        return fingerprint(self.images, self.table, self.labels, self.focus)

    def indices(self):
        """The same mosaics, whose batches have rows of the table, to be gathered on a device."""
        return dataclasses.replace(self, are_gathered=False)

    def rows(self, rows):
        """The mosaics of these numbers, (k,)."""
        parts = {name: getattr(self, name)[rows] for name in ("table", "labels", "focus")}
        return dataclasses.replace(self, **parts)

    def batches(self, numbers, batch_size, padded):
        import tensorflow as tf

        indices = self._look_up(numbers)
        if not self.are_gathered:
            return indices
        with tf.device("CPU:0"):  # once, outside the graph
            images = tf.convert_to_tensor(self.images)

        @tf.autograph.experimental.do_not_convert  # it needs room on a disk, and there is no need
        def gathered(rows, targets):
            return gather_segments(images, rows), targets

        return indices.map(gathered).prefetch(1)

    def _look_up(self, numbers):
        """Numbers of mosaics -> (rows of the table, targets)."""
        import tensorflow as tf

        with tf.device("CPU:0"):  # made here, they are inputs of the graph, not constants in it
            table, label, focus = map(tf.constant, (self.table, self.labels, self.focus))

        @tf.autograph.experimental.do_not_convert
        def example(i):
            targets = {"label": tf.gather(label, i), "focus": tf.gather(focus, i)}
            return tf.gather(table, i), targets

        return numbers.map(example).with_options(_one_at_a_time())


def _one_at_a_time():
    """Keeps tf.data from making maps parallel by itself: each call holds a batch of its own."""
    import tensorflow as tf

    options = tf.data.Options()
    options.experimental_optimization.map_parallelization = False
    return options


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class DatasetInfo(Split):
    """Mosaics and what is known of them; `load` returns one beside the `tf.data.Dataset`.

    Attributes:
        source: The index table and the base images behind the pipeline.
        protocol: "disjoint" or "paper": whose images the mosaics were drawn from.
    """

    source: Mosaics = dataclasses.field(repr=False)
    protocol: str = "disjoint"

    @property
    def num_segments(self):
        """Segments of a mosaic, m."""
        return self.source.table.shape[1]

    @property
    def segment_shape(self):
        """Shape of one segment, (h, w, c) of an image or (d,) of a vector."""
        return tuple(self.source.images.shape[1:])
