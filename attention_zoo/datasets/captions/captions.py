"""Captions: pictures, and what people said of each."""

import dataclasses
import typing

import numpy as np
import tensorflow as tf

from attention_zoo.datasets.captions.words import END, START, encoded
from attention_zoo.datasets.fingerprint import fingerprint
from attention_zoo.datasets.split import Examples

# Padded lengths: 4, 8, ... 32, then wider steps. Few, so that few graphs are compiled.
LENGTHS = (*range(4, 36, 4), 40, 48, 64, *(2**k for k in range(7, 16)))


class Look(typing.Protocol):
    """Pictures or what an encoder made of them: `Pictures`, `Features`."""

    @property
    def name(self) -> str:
        """The input of a model that it is: "image" or "features"."""

    def attach(self, batches, batch_size):
        """Batches of (numbers (b,), which pictures (b,)) -> (numbers, x (b, ...), readable)."""

    def fingerprint(self):
        """A `fingerprint` of the pictures."""


@dataclasses.dataclass(frozen=True, eq=False)
class Captions(Examples):
    """n captions of N pictures, one after the other.

    Its batches are ({"image", "words"}, {"words"}), an example a caption. Of the model's inputs
    "image" (b, h, w, 3) uint8, or "features" (b, R, d) float32, is the picture, and "words" (b, T)
    the ids of start and words. The targets' "words" (b, T) are those one further on: words and end.
    T is the smallest of `LENGTHS` that holds a batch, or max_words + 1; padding is 0. A caption
    whose picture turns out to be unreadable has targets of padding alone, which teach nothing.

    Attributes:
        pictures: `Pictures` or `Features`, N of them.
        picture_of: Which picture each caption is of, (n,) int64, ascending.
        texts: The captions' words with single blanks between them, (n,) strings.
        words: The same as ids of the vocabulary, ragged (n, T) int32, without start and end.
        vocabulary: The words, whose ids run from 4; 1 is any other word.
        max_words: Captions are cut after so many words, and all batches have this length; None
            cuts none and has batches of the length they need.
    """

    pictures: Look
    picture_of: np.ndarray = dataclasses.field(repr=False)
    texts: tf.Tensor = dataclasses.field(repr=False)
    words: tf.RaggedTensor = dataclasses.field(repr=False)
    vocabulary: tuple[str, ...] = dataclasses.field(repr=False)
    max_words: int | None = None

    kind = "captions"

    @classmethod
    def from_texts(cls, pictures, picture_of, texts, words, max_words=None):
        """From `standardized` texts (n,); `words` is the vocabulary."""
        ids = encoded(texts, words)
        of = np.asarray(picture_of, np.int64)
        return cls(pictures, of, texts, ids, tuple(words), max_words)

    def __len__(self):
        return len(self.picture_of)

    @property
    def lengths(self):
        """The number of words of every caption, (n,)."""
        return self.words.row_lengths().numpy()

    def seen_as(self, pictures):
        """The same captions of `Features`, those of pictures that could not be read left out."""
        readable = ~np.isin(self.picture_of, list(pictures.unreadable))
        return dataclasses.replace(self, pictures=pictures).rows(np.flatnonzero(readable))

    def with_vocabulary(self, words):
        """The same captions with the ids of another vocabulary."""
        ids = encoded(self.texts, words)
        return dataclasses.replace(self, words=ids, vocabulary=tuple(words))

    def fingerprint(self):
        """A `fingerprint` of captions and vocabulary, and of the ends of the `Pictures`."""
        pictures = self.pictures.fingerprint()
        return fingerprint([pictures], self.picture_of, self.texts, self.vocabulary)

    def head(self, count):
        """The captions of the first `count` pictures, or all if there are fewer."""
        chosen = np.unique(self.picture_of)[:count]
        return self.rows(np.flatnonzero(np.isin(self.picture_of, chosen)))

    def rows(self, rows):
        """The captions of these numbers, (k,), ascending."""
        rows = np.asarray(rows, np.int64)
        texts, words = (tf.gather(x, rows) for x in (self.texts, self.words))
        return dataclasses.replace(self, picture_of=self.picture_of[rows], texts=texts, words=words)

    def by_picture(self, batch_size):
        """Returns the pipeline of ({"image"}, {"picture", "references"}), an element a picture.

        "picture" (b,) is the picture's number, "references" (b, r) all texts on it, padded with
        "". Pictures that cannot be read are left out.
        """
        numbers, first, counts = np.unique(self.picture_of, return_index=True, return_counts=True)
        with tf.device("CPU:0"):
            numbers, texts = tf.constant(numbers), tf.identity(self.texts)
            references = tf.RaggedTensor.from_row_lengths(
                tf.gather(texts, _runs(first, counts)), counts
            )

        def example(i, x, _):
            return {self.pictures.name: x}, {"picture": numbers[i], "references": references[i]}

        rows = tf.data.Dataset.range(len(counts)).batch(batch_size)
        rows = rows.map(lambda i: (i, tf.gather(numbers, i)))
        found = self.pictures.attach(rows, batch_size).unbatch().filter(lambda i, x, good: good)
        return found.map(example).padded_batch(batch_size).prefetch(1)

    def batches(self, numbers, batch_size, padded):
        with tf.device("CPU:0"):
            picture_of = tf.constant(self.picture_of)
        size = numbers.element_spec.shape[0]  # None where the last batch may be smaller
        rows = numbers.map(lambda i: (i, tf.gather(picture_of, i)))

        def example(i, x, readable):
            x = tf.ensure_shape(x, (size, *x.shape[1:]))
            said, targets = self._words(tf.ensure_shape(i, (size,)), padded)
            targets = tf.where(readable[:, None], targets, 0)
            return {self.pictures.name: x, "words": said}, {"words": targets}

        return self.pictures.attach(rows, batch_size).map(example).prefetch(1)

    def _words(self, rows, padded):
        """Numbers (b,) -> ids from the start on and ids to the end, both (b, T)."""
        words = tf.gather(self.words, rows)
        ones = tf.ones((tf.size(rows), 1), tf.int32)
        length = self._length(words) if padded else 1 + tf.reduce_max(words.row_lengths())

        def dense(parts):
            x = tf.concat(parts, axis=1)[:, :length].to_tensor()
            x = tf.pad(x, [[0, 0], [0, length - tf.shape(x, tf.int64)[1]]])
            return tf.ensure_shape(x, (rows.shape[0], tf.get_static_value(length)))

        return dense([START * ones, words]), dense([words, END * ones])

    def _length(self, words):
        """T of a batch of words (b, ragged)."""
        if self.max_words is not None:
            return tf.constant(self.max_words + 1, tf.int64)
        longest = 1 + tf.reduce_max(words.row_lengths())
        lengths = tf.constant(LENGTHS, tf.int64)
        return lengths[tf.searchsorted(lengths, [longest])[0]]


def _runs(first, counts):
    """Numbers of captions, those of one picture after those of another: (n,)."""
    return np.concatenate([np.arange(i, i + k) for i, k in zip(first, counts, strict=True)])
