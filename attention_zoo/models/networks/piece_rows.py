"""Pieces of words (b, m, p) in rows without gaps, as a backbone reads them, and back to words."""

import keras
from keras import ops


def in_rows(pieces, most):
    """The pieces one after the other, the first `most` of an example.

    Args:
        pieces: int (b, m, p), 0 where there is none.
        most: number of places that a row may have.

    Returns:
        (pieces, places), int (b, l): the pieces, 0 after the last, and where each of them stood
        among the m * p of its example; m * p after the last. l is the longest row's length where
        shapes may depend on values, else as much as may be needed.
    """
    n = ops.shape(pieces)[1] * ops.shape(pieces)[2]
    flat = ops.reshape(pieces, (-1, n))
    there = flat > 0
    places = ops.sort(ops.where(there, ops.arange(n, dtype="int32")[None], n), axis=1)
    places = places[:, : _length(there, n, most)]
    padded = ops.pad(flat, [[0, 0], [0, 1]])
    return ops.take_along_axis(padded, places, axis=1), places


def _length(there, n, most):
    if keras.backend.backend() != "tensorflow":  # JAX compiles for fixed shapes
        return min(n, most)
    return ops.minimum(ops.max(ops.sum(ops.cast(there, "int32"), axis=1)), most)


def with_ends(pieces, tokenizer):
    """The ids that a backbone reads: start, pieces, end, padding.

    Args:
        pieces: ids + 1, int (b, l), 0 after the last.
        tokenizer: has `start_token_id`, `end_token_id` and `pad_token_id`.

    Returns:
        (ids, mask), int32 (b, l + 2); the mask is 1 up to the end.
    """
    count = ops.sum(ops.cast(pieces > 0, "int32"), axis=1, keepdims=True)  # (b, 1)
    ids = ops.pad(pieces - 1, [[0, 0], [1, 1]])
    places = ops.arange(ops.shape(ids)[1], dtype="int32")[None]
    ids = ops.where(places > count, tokenizer.pad_token_id, ids)
    ids = ops.where(places == count + 1, tokenizer.end_token_id, ids)
    ids = ops.where(places == 0, tokenizer.start_token_id, ids)
    return ids, ops.cast(places <= count + 1, "int32")


def shares(places, m, p, pooling):
    """What each place of a row gives to each word, (b, m, l): 1 in sum, or 0 where none is left.

    Args:
        places: as of `in_rows`.
        m, p: number of words, and of the places of a word.
        pooling: one of `POOLING`.
    """
    words = ops.arange(m, dtype="int32")[None, :, None]  # the places after the last are of word m
    own = ops.logical_and((places // p)[:, None] == words, POOLING[pooling](places, p)[:, None])
    own = ops.cast(own, "float32")
    return own / ops.maximum(ops.sum(own, axis=-1, keepdims=True), 1.0)


# Which places of a row count for the words that they are of.
POOLING = {
    "first": lambda places, p: places % p == 0,
    "mean": lambda places, p: ops.ones_like(places, dtype="bool"),
}
