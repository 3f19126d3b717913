"""Posts: tokens of different number, kept without padding and batched by length."""

import collections
import dataclasses

import numpy as np
import tensorflow as tf

from attention_zoo._class_names import ids_of, names_of
from attention_zoo._text import is_text, lower
from attention_zoo.datasets.fingerprint import fingerprint
from attention_zoo.datasets.split import Examples, Split

# Padded lengths: 8, 16, ... 64, then doubling. Few, so that few graphs are compiled.
LENGTHS = (*range(8, 72, 8), *(64 * 2**k for k in range(1, 15)))


@dataclasses.dataclass(frozen=True, eq=False)
class Posts(Examples):
    """n posts; the segments of a post are its tokens.

    Its batches are (tokens, {"label", "focus"}): (b, m), (b,) and (b, m); m is the smallest of
    `LENGTHS` that holds a batch.

    Attributes:
        tokens: Ragged tensor in host memory, (n, tokens): strings, or once they are `encoded` ids
            of 1 and more, or (n, tokens, p) of pieces of words. Padding is "" or 0.
        labels: Class ids, (n,), int32.
        rationales: Ragged tensor (n, tokens), int32: 1 for tokens of the rationale; all 0 where
            none is known.
        strings: The tokens as strings, also once they are `encoded`.
        class_names: Names of the classes, in the order of the labels; None where not known.
    """

    tokens: tf.RaggedTensor = dataclasses.field(repr=False)
    labels: np.ndarray = dataclasses.field(repr=False)
    rationales: tf.RaggedTensor = dataclasses.field(repr=False)
    strings: tf.RaggedTensor = dataclasses.field(default=None, repr=False)
    class_names: tuple[str, ...] | None = None

    kind = "posts"

    def __post_init__(self):
        if self.strings is None:
            object.__setattr__(self, "strings", self.tokens)

    @classmethod
    def from_lists(cls, tokens, labels, rationales=None, *, class_names=None):
        """From lists of tokens, of class ids, and of rationales.

        Args:
            tokens: Lists of strings, n: of texts those that `words_of` makes.
            labels: Class ids, (n,), from 0.
            rationales: 0/1 for every token of a post, or None where none is known, n; or None.
            class_names: Names of the classes, in the order of the ids; None where not known.

        Raises:
            ValueError: Texts that are not cut into tokens, labels that are no class ids, rationales
                that are no 0/1, parts of another number, names that are none, or fewer than class
                ids.
        """
        lengths = [_number_of_tokens(post, i) for i, post in enumerate(tokens)]
        labels = ids_of(labels, len(lengths), "posts")
        names = names_of(class_names, labels)
        marks = _marks(rationales, lengths)
        with tf.device("CPU:0"):
            flat = tf.constant([token for post in tokens for token in post], tf.string)
            flat_marks = tf.constant(np.concatenate([np.zeros(0, np.int32), *marks]))
            return cls(
                tf.RaggedTensor.from_row_lengths(flat, lengths),
                labels,
                tf.RaggedTensor.from_row_lengths(flat_marks, lengths),
                class_names=names,
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
        """The same posts with ids for tokens; `look_up` maps strings (k,) to ids (k, ...)."""
        ids = tf.cast(look_up(self.tokens.flat_values), tf.int32)
        return dataclasses.replace(self, tokens=self.tokens.with_flat_values(ids))

    def fingerprint(self):
        """A `fingerprint` of tokens, labels and rationales."""
        tokens, rationales = self.strings.flat_values, self.rationales.flat_values
        return fingerprint(self.lengths, tokens, self.labels, rationales)

    def rows(self, rows):
        """The posts of these numbers, (k,)."""
        parts = (self.tokens, self.rationales, self.strings)
        tokens, rationales, strings = (tf.gather(x, rows) for x in parts)
        labels = self.labels[np.asarray(rows, int)]
        return Posts(tokens, labels, rationales, strings, self.class_names)

    def batches(self, numbers, batch_size, padded):
        if not padded:
            return numbers.map(self._look_up)
        return numbers.map(lambda rows: _padded(self._look_up(rows), rows.shape[0])).prefetch(1)

    def _look_up(self, rows):
        """Numbers (b,) -> (ragged tokens, {"label", "focus"})."""
        with tf.device("CPU:0"):
            labels = tf.constant(self.labels)
        focus = tf.gather(self.rationales, rows)
        return tf.gather(self.tokens, rows), {"label": tf.gather(labels, rows), "focus": focus}


def _number_of_tokens(post, number):
    if isinstance(post, str | bytes) or not hasattr(post, "__len__"):
        raise ValueError(
            f"post {number} is {_short(post)}, expected a list of its tokens, such as "
            "datasets.words_of makes of a text"
        )
    for token in post:
        if not (isinstance(token, bytes) or is_text(token)):
            raise ValueError(
                f"post {number} has the token {_short(token)}, expected a string that UTF-8 can "
                "hold"
            )
    return len(post)


def _short(value):
    text = repr(value).replace("\n", " ")
    return text if len(text) <= 50 else f"{text[:50]}…"


def _marks(rationales, lengths):
    """Rationales as int32 (m_j,), zeros where none is known, of posts of so many tokens."""
    given = [None] * len(lengths) if rationales is None else list(rationales)
    if len(given) != len(lengths):
        raise ValueError(
            f"there are {len(lengths)} posts and {len(given)} rationales, expected as many"
        )
    marks = [
        np.zeros(m, np.int32) if one is None else np.asarray(one)
        for m, one in zip(lengths, given, strict=True)
    ]
    for i, (m, one) in enumerate(zip(lengths, marks, strict=True)):
        if one.shape != (m,):
            raise ValueError(f"rationale of post {i} has shape {one.shape}, expected ({m},)")
        others = one[~np.isin(one, (0, 1))].tolist()
        if others:
            raise ValueError(f"rationale of post {i} has {others[0]!r}, expected 0 or 1 a token")
    return [one.astype(np.int32) for one in marks]


def _padded(example, batch_size):
    """Ragged parts (b, tokens) as dense ones (b, m), m one of `LENGTHS`."""
    longest = tf.reduce_max(example[0].row_lengths())
    m = tf.gather(LENGTHS, tf.searchsorted(LENGTHS, [tf.cast(longest, tf.int32)])[0])

    def dense(part):
        if not isinstance(part, tf.RaggedTensor):
            return part
        x = part.to_tensor()
        paddings = [[0, 0], [0, m - tf.shape(x)[1]], *[[0, 0]] * (x.shape.rank - 2)]
        x = tf.pad(x, paddings, constant_values=_PADDING[x.dtype])
        return tf.ensure_shape(x, (batch_size, None, *x.shape[2:]))

    return tf.nest.map_structure(dense, example)


_PADDING = {tf.string: "", tf.int32: 0}


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class TextInfo(Split):
    """Posts and what is known of them; `load` returns one beside the `tf.data.Dataset`.

    Attributes:
        source: The posts behind the pipeline.
        left_out: What was left out while reading, counts by reason.
    """

    source: Posts = dataclasses.field(repr=False)

    @property
    def num_known(self):
        """How many of the posts have a rationale."""
        return int(self.source.has_rationale.sum())


def describe(name, split, posts, class_names, left_out, citation, parts=()):
    """The `TextInfo` of posts."""
    return TextInfo(
        name=name,
        split=str(split),
        source=dataclasses.replace(posts, class_names=tuple(class_names)),
        class_names=tuple(class_names),
        left_out={reason: count for reason, count in sorted(left_out.items()) if count},
        citation=citation,
        parts=parts,
    )


def vocabulary(posts, min_count=1):
    """The tokens of `Posts` in lower case, the most frequent first, equals in alphabetical order.

    Args:
        posts: `Posts` of strings; take the training posts only.
        min_count: Tokens that come less often are left to the unknown token, which is trained by
            them.

    Returns:
        A list of strings.
    """
    counts = collections.Counter(lower(posts.tokens.flat_values).numpy().tolist())
    counts.pop(b"", None)
    frequent = [token for token, count in counts.items() if count >= min_count]
    return [token.decode() for token in sorted(frequent, key=lambda t: (-counts[t], t))]
