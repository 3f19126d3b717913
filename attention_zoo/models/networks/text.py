"""The paper's networks for texts: the segments are tokens, their features come from an encoder.

Each function returns (focus, classifier, encoder): two networks of one token's features, and the
network of all tokens' ids, int (b, m) -> (b, m, d), that a `TokenEncoder` holds. ReLU between
layers; id 0 is padding and masked.

Reference: arXiv:2307.13421, experiments on HateXplain. Dropout is not in the paper.
"""

import keras

from attention_zoo.models.networks.sinusoidal_positions import SinusoidalPositions
from attention_zoo.models.networks.subword_embedding import SubwordEmbedding
from attention_zoo.models.networks.token_dropout import TokenDropout


def simple_networks(vocabulary, num_classes, *, dim=100, dropout=0.0, **embedding):
    """Embedding; focus dense 200, 1; classifier dense 200, c: a token alone is a segment.

    Args:
        vocabulary: list of tokens; their ids begin at 2, after padding and the unknown token.
        num_classes: c.
        dim: size of the embedding, d.
        dropout: fraction of features set to 0 in training, of the embedding and between layers.
        **embedding: of these,
            token_dropout: fraction of tokens taken for unknown ones in training, default 0;
            subwords: number of vectors for pieces of tokens (`SubwordEmbedding`), default 0: none;
            vectors: word vectors (ids, d) for the embedding to begin with, default None.
    """
    ids, x = _embedded(vocabulary, dim, dropout, **embedding)
    encoder = keras.Model(ids, x, name="encoder")
    return _dense(dim, 200, 1, dropout), _dense(dim, 200, num_classes, dropout), encoder


def transformer_networks(vocabulary, num_classes, *, dim=100, dropout=0.0, **embedding):
    """Embedding, positions, one self-attention of 2 heads of 50 with a residual; focus dense 50, 1;
    classifier dense 200, c: a segment is a token in its context.

    Args: as for `simple_networks`.
    """
    ids, x = _embedded(vocabulary, dim, dropout, **embedding)
    positions = SinusoidalPositions()
    read, x = positions(x), positions(x)  # MultiHeadAttention takes the mask off what it reads
    attention = keras.layers.MultiHeadAttention(num_heads=2, key_dim=50, dropout=dropout)
    encoder = keras.Model(ids, keras.layers.Add()([x, attention(read, read)]), name="encoder")
    return _dense(dim, 50, 1, dropout), _dense(dim, 200, num_classes, dropout), encoder


TEXT_NETWORKS = {"simple": simple_networks, "transformer": transformer_networks}


def text_networks(name, vocabulary, num_classes, **options):
    """(focus, classifier, encoder) by name: "simple" or "transformer".

    Args:
        name: of the networks.
        vocabulary, num_classes, **options: as for `simple_networks`.

    Raises:
        ValueError: unknown name.
    """
    if name not in TEXT_NETWORKS:
        raise ValueError(f"network is {name!r}, expected one of {sorted(TEXT_NETWORKS)}")
    return TEXT_NETWORKS[name](vocabulary, num_classes, **options)


def reading_networks(dim, num_classes, *, hidden=200, dropout=0.0):
    """(focus, classifier) of the simple model for features of another encoder, (n, dim)."""
    return _dense(dim, hidden, 1, dropout), _dense(dim, hidden, num_classes, dropout)


def _embedded(vocabulary, dim, dropout, token_dropout=0.0, subwords=0, vectors=None):
    """Ids, int (b, m), and their vectors (b, m, dim)."""
    ids = keras.Input((None,), dtype="int32")
    embedding = _embedding(vocabulary, dim, subwords)
    x = embedding(TokenDropout(token_dropout)(ids) if token_dropout else ids)
    if subwords:
        embedding.set_vocabulary(vocabulary)
    if vectors is not None:
        embedding.embeddings.assign(vectors)
    return ids, keras.layers.Dropout(dropout)(x) if dropout else x


def _embedding(vocabulary, dim, subwords):
    num_ids = len(vocabulary) + 2
    if subwords:
        return SubwordEmbedding(num_ids, dim, subwords)
    return keras.layers.Embedding(num_ids, dim, mask_zero=True)


def _dense(dim, hidden, outputs, dropout):
    layers = [keras.Input((dim,)), keras.layers.Dense(hidden, activation="relu")]
    layers += [keras.layers.Dropout(dropout)] if dropout else []
    return keras.Sequential([*layers, keras.layers.Dense(outputs)])
