"""The words of captions: how a text falls into words, which of them have an id."""

import keras
import numpy as np
import tensorflow as tf

from attention_zoo._text import lower

PADDING, UNKNOWN, START, END = range(4)  # ids; the words of the vocabulary follow
_MARKS = ("<start>", "<end>")  # no word is like these: words have no punctuation


def standardized(texts):
    """Texts (...) in lower case, words of letters and digits with single blanks between them.

    Case is that of all of Unicode, as in `words_of`. Signs are no words here, for the scores of
    captions know none: an apostrophe goes without a trace ("man's" is "mans"), all others separate.
    """
    x = tf.strings.regex_replace(lower(texts), r"['’]", "")
    x = tf.strings.regex_replace(x, r"[\p{P}\p{S}\p{C}\p{Z}]+", " ")
    return tf.strings.strip(x)


def vocabulary(texts, min_count=5):
    """The words that come `min_count` times or more, the most frequent first.

    Equals are in alphabetical order.

    Args:
        texts: `standardized` captions, (n,) strings; take those of the training pictures only.
        min_count: Rarer words are left to the unknown word, which is trained by them.

    Returns:
        A tuple of strings.

    Raises:
        ValueError: There is no such word.
    """
    layer = keras.layers.TextVectorization(standardize=None, ragged=True)
    layer.adapt(tf.data.Dataset.from_tensor_slices(texts).batch(4096))
    words = layer.get_vocabulary()
    counts = np.bincount(layer(texts).flat_values.numpy(), minlength=len(words))
    frequent = [(-n, word) for n, word in zip(counts[2:], words[2:], strict=True) if n >= min_count]
    if not frequent:
        raise ValueError(
            f"the vocabulary has 0 words: none comes {min_count} times or more in {len(texts)} "
            "captions, expected more captions or a smaller min_count"
        )
    return tuple(str(word) for _, word in sorted(frequent))


def encoded(texts, words):
    """Ids of `standardized` texts (n,) by a vocabulary: ragged (n, T) int32, 4 and more, or 1."""
    layer = keras.layers.TextVectorization(
        standardize=None, ragged=True, vocabulary=[*_MARKS, *words]
    )
    return tf.cast(layer(texts), tf.int32)
