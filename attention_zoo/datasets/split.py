"""Split: the data and what is known of them, in one object; Examples: the data."""

import abc
import dataclasses

import numpy as np

from attention_zoo._lazy import needed_for


class Examples(abc.ABC):
    """n examples, and the batches that are made of them.

    A kind of data says what examples of some numbers are (`rows`, `batches`); the order in which
    they are read is the same for all, see `datasets.order`.

    Attributes:
        kind: What the examples are, for errors: "mosaics".
    """

    kind = "examples"

    @abc.abstractmethod
    def __len__(self):
        """The number of examples, n."""

    @abc.abstractmethod
    def rows(self, rows):
        """The examples of these numbers, (k,)."""

    @abc.abstractmethod
    def batches(self, numbers, batch_size, padded):
        """Makes a `tf.data.Dataset` of numbers (b,) one of (inputs, targets), padded or not.

        Batches are of `batch_size`, but the last.
        """

    @abc.abstractmethod
    def fingerprint(self):
        """A SHA-256 of the examples, hexadecimal: equal for equal examples in equal order."""

    @property
    def lengths(self):
        """The number of segments of every example, (n,); None where they are of one length."""
        return None

    def head(self, count):
        """The first `count` examples, or all if there are fewer or `count` is None."""
        return self.rows(np.arange(len(self))[:count])

    def dataset(self, batch_size=None, shuffle=False, seed=0, drop_remainder=False):
        """Returns the pipeline of (inputs, targets): every example once.

        Shuffled batches are of examples of about one length.

        Args:
            batch_size: Examples a batch; None leaves out the batch axis, and the padding.
            shuffle: Whether each pass has an order of its own, all following from the seed;
                TensorFlow adds its global seed where one is set.
            seed: A non-negative integer.
            drop_remainder: Whether a last batch smaller than `batch_size` is left out.
        """
        order, tf = _pipelines(type(self).__name__)
        size = 1 if batch_size is None else batch_size
        order.check_batch_size(size)
        numbers = order.one_pass(
            len(self),
            size,
            seed if shuffle else None,
            lengths=self.lengths,
            drop_remainder=drop_remainder,
        )
        batches = self.batches(numbers, size, padded=batch_size is not None)
        if batch_size is None:
            batches = batches.map(lambda *parts: tf.nest.map_structure(lambda x: x[0], parts))
        count = len(self) // size if drop_remainder else -(-len(self) // size)
        return batches.apply(tf.data.experimental.assert_cardinality(count))

    def endless(self, batch_size, *, seed=0, first_step=0):
        """Returns full batches without end, epoch after epoch, for `fit(steps_per_epoch=...)`.

        The order of an epoch follows from the seed and the epoch's number alone, so a run that
        was broken off goes on in the same order. An epoch has n // batch_size batches.

        Args:
            batch_size: Examples a batch.
            seed: A non-negative integer.
            first_step: The number of the first batch, counted from the first epoch's first.
        """
        order, _ = _pipelines(type(self).__name__)
        order.check_batch_size(batch_size, most=len(self), what=self.kind)
        numbers = order.endless(
            len(self), batch_size, seed, first_step=first_step, lengths=self.lengths
        )
        return self.batches(numbers, batch_size, padded=True)


def _pipelines(kind):
    """What makes pipelines, imported on first use: examples as arrays need no TensorFlow."""
    with needed_for(f"a pipeline of {kind}"):
        import tensorflow as tf

        from attention_zoo.datasets import order
    return order, tf


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Split:
    """The examples of a split, and what is known of them.

    Attributes:
        name: As given to `load`, for example "sdc/cifar10".
        split: As given to `load`, for example "train[:90%]".
        source: The examples.
        class_names: Names of the classes, in the order of the labels; none where there are no
            classes.
        named: Whether these are names; False where none are known and they are the ids of the
            labels, as text.
        left_out: What was left out while reading, counts or ids by reason.
        citation: Where the data come from, and their licence, in one line.
        parts: Of which rows it is made, (split, its size, range of rows) each, such as
            ("train", 1433, range(0, 1289)); none where that is not known, or where splits share
            rows on purpose.
    """

    name: str
    split: str
    source: Examples = dataclasses.field(repr=False)
    class_names: tuple[str, ...] = ()
    named: bool = True
    left_out: dict = dataclasses.field(default_factory=dict)
    citation: str = ""
    parts: tuple[tuple[str, int, range], ...] = dataclasses.field(default=(), repr=False)

    @property
    def num_examples(self):
        """Examples in the split, n."""
        return len(self.source)

    @property
    def num_classes(self):
        """Classes, c: labels run from 0 to c - 1."""
        return len(self.class_names)

    @property
    def known_names(self):
        """Names of the classes; None where none are known."""
        return self.class_names if self.named else None

    def head(self, count):
        """The same of the first `count` examples; of all where it is None."""
        return dataclasses.replace(self, source=self.source.head(count))
