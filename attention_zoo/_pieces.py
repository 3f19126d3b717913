"""Words to pieces, in the graph: each word by itself, whatever its neighbours are."""


def word_pieces(tokenizer, words, most):
    """The pieces of words, strings (...) -> int32 (..., most): their ids + 1, 0 where none is.

    Case, accents and what else is alike are the tokenizer's affair. A word begins as after a blank.
    The word "" has no piece; another that the tokenizer finds none in is an unknown one.

    Args:
        tokenizer: of KerasHub, `dtype` int and without a `sequence_length`.
        words: a tensor or an array.
        most: pieces of a word that are kept, the first.
    """
    import tensorflow as tf  # slow, and not there for models on another backend

    words = tf.convert_to_tensor(words, tf.string)
    pieces = _in_a_graph(_pieces_of, tokenizer, tf.reshape(words, [-1]), most)
    return tf.reshape(pieces, tf.concat([tf.shape(words), [most]], axis=0))


def num_pieces(tokenizer, words):
    """How many pieces each of some words has, (k,)."""
    return _in_a_graph(lambda *args: _ragged(*args).row_lengths(), tokenizer, words)


def _in_a_graph(function, tokenizer, words, *more):
    """The function of these: called directly, KerasHub would take another way than in a graph."""
    import tensorflow as tf

    if not tf.executing_eagerly():
        return function(tokenizer, words, *more)
    traced = tf.function(lambda words: function(tokenizer, words, *more), autograph=False)
    return traced.get_concrete_function(tf.TensorSpec([None], tf.string))(words)


def _pieces_of(tokenizer, words, most):
    """Words (k,) -> (k, most)."""
    import tensorflow as tf

    pieces = _ragged(tokenizer, words).to_tensor(0, shape=(None, most))
    unknown = tf.one_hot(0, most, dtype=tf.int32) * (_unknown(tokenizer) + 1)
    is_unknown = tf.reduce_all(pieces == 0, axis=1) & (words != "")
    pieces = tf.where(is_unknown[:, None], unknown[None], pieces)
    return tf.where((words == "")[:, None], 0, pieces)


def _ragged(tokenizer, words):
    """Ids + 1 of the pieces of words (k,), ragged (k, pieces)."""
    import tensorflow as tf

    begins = hasattr(tokenizer, "merges") and not tokenizer.add_prefix_space  # byte pairs
    pieces = tokenizer.tokenize(tf.strings.join([" ", words]) if begins else words)
    return tf.cast(pieces, tf.int32) + 1


def _unknown(tokenizer):
    """The id of the unknown piece, or of padding where a tokenizer knows all there is."""
    if hasattr(tokenizer, "oov_token"):
        return tokenizer.token_to_id(tokenizer.oov_token)
    return getattr(tokenizer, "unk_token_id", tokenizer.pad_token_id)
