"""SubwordEmbedding: a token's vector is its own and that of its pieces."""

import zlib

import keras
import numpy as np
from keras import ops

from attention_zoo.layers.masks import conjunction


@keras.saving.register_keras_serializable(package="attention_zoo")
class SubwordEmbedding(keras.layers.Layer):
    """Adds to a token's vector the mean of the vectors of its pieces, its character n-grams.

        e_i = E_i + mean over the pieces g of token i of B_hash(g)

    Tokens that are spelt alike begin alike, and rare ones learn from frequent ones. Masks id 0,
    and what the ids' own mask does.

    Args:
        num_ids: number of ids.
        output_dim: size of a vector.
        num_buckets: number of vectors that pieces share, 2 or more; number 0 stands for no piece.
        max_pieces: most pieces of a token.

    Call arguments:
        ids: int (b, m).

    Returns:
        (b, m, output_dim).

    Reference: Bojanowski et al., TACL 2017, arXiv:1607.04606.
    """

    def __init__(self, num_ids, output_dim, num_buckets, max_pieces=16, **kwargs):
        super().__init__(autocast=False, **kwargs)
        if num_buckets < 2:
            raise ValueError(f"num_buckets is {num_buckets}, expected 2 or more")
        self.num_ids, self.output_dim = num_ids, output_dim
        self.num_buckets, self.max_pieces = num_buckets, max_pieces
        self.supports_masking = True

    def build(self, ids_shape=None):
        vectors = {"initializer": "uniform", "trainable": True}
        self.embeddings = self.add_weight(
            shape=(self.num_ids, self.output_dim), name="embeddings", **vectors
        )
        self.piece_embeddings = self.add_weight(
            shape=(self.num_buckets, self.output_dim), name="piece_embeddings", **vectors
        )
        self.pieces = self.add_weight(
            shape=(self.num_ids, self.max_pieces),
            dtype="int32",
            initializer="zeros",
            trainable=False,
            name="pieces",
        )
        self.built = True

    def set_vocabulary(self, vocabulary):
        """Finds the pieces, of 3 to 5 characters, of the tokens, whose ids begin at 2."""
        table = np.zeros((self.num_ids, self.max_pieces), "int32")
        for row, token in enumerate(vocabulary, start=2):
            found = pieces(token)[: self.max_pieces]
            table[row, : len(found)] = [
                1 + zlib.crc32(piece.encode()) % (self.num_buckets - 1) for piece in found
            ]
        self.pieces.assign(table)

    def call(self, ids):
        ids = ops.cast(ids, "int32")
        rows = ops.take(self.pieces, ids, axis=0)  # (b, m, pieces)
        there = ops.cast(rows > 0, self.compute_dtype)
        share = there / ops.maximum(ops.sum(there, axis=-1, keepdims=True), 1.0)
        parts = ops.take(ops.cast(self.piece_embeddings, self.compute_dtype), rows, axis=0)
        whole = ops.take(ops.cast(self.embeddings, self.compute_dtype), ids, axis=0)
        return whole + ops.sum(parts * share[..., None], axis=2)

    def compute_mask(self, ids, mask=None):
        return conjunction(mask, ops.not_equal(ids, 0))

    def compute_output_shape(self, ids_shape):
        return (*ids_shape, self.output_dim)

    def get_config(self):
        return super().get_config() | {
            "num_ids": self.num_ids,
            "output_dim": self.output_dim,
            "num_buckets": self.num_buckets,
            "max_pieces": self.max_pieces,
        }


def pieces(token, shortest=3, longest=5):
    """The character n-grams of <token>, short ones first, without the whole."""
    text = f"<{token}>"
    return [
        text[i : i + n]
        for n in range(shortest, longest + 1)
        for i in range(len(text) - n + 1)
        if n < len(text)
    ]
