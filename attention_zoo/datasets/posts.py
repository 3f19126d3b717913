"""Posts: tokens of different number, kept without padding and batched by length."""

import dataclasses

import numpy as np
import tensorflow as tf

from attention_zoo.datasets.buckets import endless_buckets, rebucketed
from attention_zoo.datasets.epochs import check_batch_size
from attention_zoo.datasets.fingerprint import fingerprint

# Padded lengths: 8, 16, ... 64, then doubling. Few, so that few graphs are compiled.
LENGTHS = (*range(8, 72, 8), *(64 * 2**k for k in range(1, 15)))


@dataclasses.dataclass(frozen=True, eq=False)
class Posts:
    """n posts; the segments of a post are its tokens.

    Attributes:
        tokens: Ragged tensor in host memory, (n, tokens): strings, or ids of 1 and more once they
            are `encoded`. Padding is "" or 0.
        labels: Class ids, (n,), int32.
        rationales: Ragged tensor (n, tokens), int32: 1 for tokens of the rationale; all 0 where
            none is known.
    """

    tokens: tf.RaggedTensor = dataclasses.field(repr=False)
    labels: np.ndarray = dataclasses.field(repr=False)
    rationales: tf.RaggedTensor = dataclasses.field(repr=False)

    @classmethod
    def from_lists(cls, tokens, labels, rationales):
        """From lists of tokens, of class ids, and of rationales, None where none is known."""
        lengths = [len(post) for post in tokens]
        marks = [
            np.zeros(m, np.int32) if rationale is None else np.asarray(rationale, np.int32)
            for m, rationale in zip(lengths, rationales, strict=True)
        ]
        with tf.device("CPU:0"):
            flat = tf.constant([token for post in tokens for token in post], tf.string)
            flat_marks = tf.constant(np.concatenate([np.zeros(0, np.int32), *marks]))
            return cls(
                tf.RaggedTensor.from_row_lengths(flat, lengths),
                np.asarray(labels, np.int32),
                tf.RaggedTensor.from_row_lengths(flat_marks, lengths),
            )

    def __len__(self):
        return len(self.labels)

    @property
    def lengths(self):
        """The number of tokens of every post, (n,)."""
        return self.tokens.row_lengths().numpy()

    @property
    def has_rationale(self):
        """Which posts have a token in their rationale, bool (n,)."""
        return tf.reduce_any(self.rationales > 0, axis=1).numpy()

    def encoded(self, look_up):
        """The same posts with ids for tokens; `look_up` maps strings (k,) to ids (k,)."""
        ids = tf.cast(look_up(self.tokens.flat_values), tf.int32)
        return dataclasses.replace(self, tokens=self.tokens.with_flat_values(ids))

    def fingerprint(self):
        """A `fingerprint` of tokens, labels and rationales."""
        tokens, rationales = self.tokens.flat_values, self.rationales.flat_values
        return fingerprint(self.lengths, tokens, self.labels, rationales)

    def head(self, count):
        """The first `count` posts, or all if there are fewer."""
        return self.rows(np.arange(min(count, len(self))))

    def rows(self, rows):
        """The posts of these numbers, (k,)."""
        tokens, rationales = (tf.gather(x, rows) for x in (self.tokens, self.rationales))
        return Posts(tokens, self.labels[np.asarray(rows, int)], rationales)

    def dataset(self, batch_size=None, shuffle=False, seed=0, drop_remainder=False):
        """Returns the pipeline of (tokens, {"label", "focus"}): (b, m), (b,) and (b, m).

        m is the smallest of `LENGTHS` that holds a batch. Shuffled batches are of posts of about
        one length.

        Args:
            batch_size: Posts a batch; None leaves out the batch axis, and the padding.
            shuffle: Whether each pass is a new order of all posts, all following from the seed.
            seed: A non-negative integer.
            drop_remainder: Whether a last batch smaller than `batch_size` is left out.
        """
        n = len(self)
        if batch_size is None:
            rows = tf.data.Dataset.range(n)
            rows = rows.shuffle(n, seed=seed, reshuffle_each_iteration=True) if shuffle else rows
            return rows.map(lambda row: tf.nest.map_structure(_alone, self._look_up(row[None])))
        check_batch_size(batch_size)
        if not shuffle:
            rows = tf.data.Dataset.range(n).batch(batch_size, drop_remainder=drop_remainder)
            return self._batches(rows)
        rows = rebucketed(self.lengths, batch_size, seed, drop_remainder)
        count = n // batch_size if drop_remainder else -(-n // batch_size)
        return self._batches(rows.apply(tf.data.experimental.assert_cardinality(count)))

    def endless(self, batch_size, *, seed=0, first_step=0):
        """Returns full batches without end, epoch after epoch, for `fit(steps_per_epoch=...)`.

        The order of an epoch follows from the seed and the epoch's number alone, so a run that
        was broken off goes on in the same order. An epoch has n // batch_size batches.

        Args:
            batch_size: Posts a batch.
            seed: A non-negative integer.
            first_step: The number of the first batch, counted from the first epoch's first.
        """
        check_batch_size(batch_size, most=len(self), what="posts")
        return self._batches(endless_buckets(self.lengths, batch_size, seed, first_step))

    def _batches(self, rows):
        return rows.map(lambda numbers: _padded(self._look_up(numbers), numbers.shape[0])).prefetch(
            1
        )

    def _look_up(self, rows):
        """Numbers (b,) -> (ragged tokens, {"label", "focus"})."""
        with tf.device("CPU:0"):
            labels = tf.constant(self.labels)
        focus = tf.gather(self.rationales, rows)
        return tf.gather(self.tokens, rows), {"label": tf.gather(labels, rows), "focus": focus}


def _padded(example, batch_size):
    """Ragged parts (b, tokens) as dense ones (b, m), m one of `LENGTHS`."""
    longest = tf.reduce_max(example[0].row_lengths())
    m = tf.gather(LENGTHS, tf.searchsorted(LENGTHS, [tf.cast(longest, tf.int32)])[0])

    def dense(part):
        if not isinstance(part, tf.RaggedTensor):
            return part
        x = part.to_tensor()
        x = tf.pad(x, [[0, 0], [0, m - tf.shape(x)[1]]], constant_values=_PADDING[x.dtype])
        return tf.ensure_shape(x, (batch_size, None))

    return tf.nest.map_structure(dense, example)


_PADDING = {tf.string: "", tf.int32: 0}


def _alone(part):
    return part[0]
