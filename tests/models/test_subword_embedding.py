import keras
import numpy as np
import tensorflow as tf

from attention_zoo.models import TokenDropout
from attention_zoo.models.networks.subword_embedding import SubwordEmbedding, pieces

WORDS = ["thunder", "thunders", "tea"]


def layer(**settings):
    one = SubwordEmbedding(len(WORDS) + 2, 4, 50, **settings)
    one.build()
    one.set_vocabulary(WORDS)
    return one


def test_pieces_by_hand():
    assert pieces("tea") == ["<te", "tea", "ea>", "<tea", "tea>"]
    assert pieces("a") == [] and pieces("ab") == ["<ab", "ab>"]


def test_a_vector_is_the_tokens_own_and_the_mean_of_its_pieces():
    one = layer()
    own, parts, table = (w.numpy() for w in (one.embeddings, one.piece_embeddings, one.pieces))
    found = np.asarray(one(np.array([[4, 1, 0]])))[0]
    rows = table[4][table[4] > 0]
    assert len(rows) == 5
    np.testing.assert_allclose(found[0], own[4] + parts[rows].mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(found[1:], own[[1, 0]], atol=1e-6)  # unknown and padding: no pieces


def test_tokens_spelt_alike_begin_alike():
    table = layer(max_pieces=32).pieces.numpy()
    shared = set(table[2]) & set(table[3]) - {0}
    assert len(shared) > len(set(table[2]) & set(table[4]) - {0})


def test_the_pieces_are_saved(tmp_path):
    ids = keras.Input((None,), dtype="int32")
    one = layer()
    model = keras.Model(ids, one(ids))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = np.array([[2, 3, 4, 0]])
    np.testing.assert_array_equal(loaded(x), model(x))
    np.testing.assert_array_equal(loaded(x)._keras_mask, [[True, True, True, False]])


def test_the_mask_of_the_ids_goes_on_through_dropout_and_embedding():
    ids = tf.constant([[2, 3, 4, 0]])
    ids._keras_mask = tf.constant([[True, False, True, True]])
    vectors = layer()(TokenDropout(0.5, seed=1)(ids, training=True))
    np.testing.assert_array_equal(vectors._keras_mask, [[True, False, True, False]])
