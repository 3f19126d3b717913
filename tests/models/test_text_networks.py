import keras
import numpy as np
import pytest
import tensorflow as tf

from attention_zoo import layers
from attention_zoo.models import (
    TEXT_NETWORKS,
    FocusClassifier,
    SinusoidalPositions,
    TokenEncoder,
    load_token_encoder,
    read_word_vectors,
)
from attention_zoo.models.networks.text import text_networks
from attention_zoo.models.prediction import WAYS
from attention_zoo.ops import NORMALIZERS

# Sums of up to 25 terms of a size up to 4, as class scores take them.
ATOL = 25 * 4 * 2.0**-23
WORDS = [f"word{i}" for i in range(20)]
MANY = [f"word{i}" for i in range(48)]
ATTENTIONS = ["soft", "hard", "lvml", "gumbel", "reinforce", "hybrid"]


def model(network="simple", attention="soft", **settings):
    focus, classifier, encoder = text_networks(network, WORDS, 3, dim=8)
    return FocusClassifier(
        focus, classifier, attention, encoder=TokenEncoder(WORDS, encoder), **settings
    )


def shapes(network):
    return [tuple(variable.shape) for variable in network.trainable_variables]


def test_simple_is_the_papers():
    focus, classifier, encoder = text_networks("simple", MANY, 3)
    assert shapes(focus) == [(100, 200), (200,), (200, 1), (1,)]
    assert shapes(classifier) == [(100, 200), (200,), (200, 3), (3,)]
    assert shapes(encoder) == [(50, 100)]


def test_transformer_is_the_papers():
    focus, classifier, encoder = text_networks("transformer", MANY, 3)
    assert shapes(focus) == [(100, 50), (50,), (50, 1), (1,)]
    assert shapes(classifier) == [(100, 200), (200,), (200, 3), (3,)]
    heads = [(100, 2, 50), (2, 50)] * 3 + [(2, 50, 100), (100,)]
    assert shapes(encoder) == [(50, 100), *heads]


@pytest.mark.parametrize("network", TEXT_NETWORKS)
@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("way", WAYS)
def test_padded_and_unpadded_batches_give_equal_scores(network, attention, way):
    one = model(network, attention, inference=way)
    ids = np.random.default_rng(0).integers(1, 22, (4, 5))
    padded = np.pad(ids, [(0, 0), (0, 3)])
    expected, found = one(ids), one(padded)
    np.testing.assert_allclose(found["label"], expected["label"], atol=ATOL)
    np.testing.assert_allclose(found["focus"][:, :5], expected["focus"], atol=ATOL)
    np.testing.assert_array_equal(found["focus"][:, 5:], 0.0)


@pytest.mark.parametrize("network", TEXT_NETWORKS)
@pytest.mark.parametrize("attention", ATTENTIONS)
@pytest.mark.parametrize("normalizer", NORMALIZERS)
def test_every_attention_and_normalizer_trains(network, attention, normalizer):
    """One of the posts is empty."""
    one = model(network, layers.get(attention, normalizer=normalizer))
    ids = np.random.default_rng(0).integers(1, 22, (6, 5))
    ids[2], ids[3, 2:] = 0, 0
    one.build((None, None))
    with tf.GradientTape() as tape:
        q = one(ids, training=True)["label"]
        loss = -keras.ops.mean(q[:, 0])
    gradients = tape.gradient(loss, one.trainable_variables)
    assert np.isfinite(loss)
    moved = [g is not None and np.any(np.asarray(tf.convert_to_tensor(g))) for g in gradients]
    finite = [g is None or np.all(np.isfinite(tf.convert_to_tensor(g))) for g in gradients]
    assert all(finite) and sum(moved) > len(moved) / 2


@pytest.mark.parametrize("network", TEXT_NETWORKS)
def test_pieces_of_tokens_are_options_of_the_embedding(network):
    """20 ids and 2, 8 features, 30 vectors of pieces."""
    encoder = text_networks(network, WORDS, 3, dim=8, subwords=30, token_dropout=0.2)[2]
    assert shapes(encoder)[:2] == [(22, 8), (30, 8)]
    ids = np.array([[2, 3, 0]])
    np.testing.assert_array_equal(encoder(ids), encoder(ids))
    assert np.any(np.asarray(encoder(ids, training=True)) != np.asarray(encoder(ids)))


def transformer_of_before(dim):
    """The encoder as it was: its one tensor is read by the attention, and added."""
    ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(len(WORDS) + 2, dim, mask_zero=True)(ids)
    x = SinusoidalPositions()(x)
    context = keras.layers.MultiHeadAttention(num_heads=2, key_dim=50)(x, x)
    return keras.Model(ids, keras.layers.Add()([x, context]), name="encoder")


def test_transformer_takes_the_weights_of_before(tmp_path):
    """Files of weights and of models, and gives the same, bit for bit."""
    old, new = transformer_of_before(8), text_networks("transformer", WORDS, 3, dim=8)[2]
    ids = np.array([[3, 5, 2, 0, 0], [4, 4, 1, 9, 0]])
    old.save_weights(tmp_path / "old.weights.h5")
    new.load_weights(tmp_path / "old.weights.h5")
    np.testing.assert_array_equal(new(ids), old(ids))
    networks = [keras.Sequential([keras.Input((8,)), keras.layers.Dense(n)]) for n in (1, 3)]
    models = [FocusClassifier(*networks, encoder=TokenEncoder(WORDS, one)) for one in (old, new)]
    models[0](ids)
    models[0].save(tmp_path / "old.keras")
    loaded = keras.saving.load_model(tmp_path / "old.keras")
    for key, found in loaded(ids).items():
        np.testing.assert_array_equal(found, models[1](ids)[key])


@pytest.mark.parametrize("network", TEXT_NETWORKS)
def test_encoders_carry_their_mask_without_a_token_encoder(network):
    """Padding is as good as absent."""
    focus, classifier, encoder = text_networks(network, WORDS, 3, dim=8)
    one = FocusClassifier(focus, classifier, encoder=encoder)
    ids = np.random.default_rng(0).integers(1, 22, (4, 5))
    expected, found = one(ids), one(np.pad(ids, [(0, 0), (0, 3)]))
    np.testing.assert_array_equal(found["focus"][:, 5:], 0.0)
    np.testing.assert_allclose(found["label"], expected["label"], atol=ATOL)


def test_positions_are_sines_and_cosines():
    x = np.random.default_rng(0).normal(size=(1, 7, 4)).astype("float32")
    j, rate = np.arange(7)[:, None], np.array([1.0, 0.01])
    waves = np.concatenate([np.sin(j * rate), np.cos(j * rate)], axis=1)
    np.testing.assert_allclose(SinusoidalPositions()(x)[0], 2 * x[0] + waves, atol=ATOL)
    with pytest.raises(ValueError, match=r"^features have shape \(1, 7, 3\), expected an even"):
        SinusoidalPositions()(x[..., :3])


def test_dropout_is_for_training_only():
    focus, classifier, encoder = text_networks("transformer", WORDS, 3, dim=8, dropout=0.5)
    one = FocusClassifier(focus, classifier, "lvml", encoder=TokenEncoder(WORDS, encoder))
    ids = np.arange(2, 8)[None]
    np.testing.assert_array_equal(one(ids)["label"], one(ids)["label"])
    labels = [one(ids, training=True)["label"] for _ in range(2)]
    assert np.any(np.asarray(labels[0]) != np.asarray(labels[1]))


def test_unknown_name():
    with pytest.raises(ValueError, match=r"^network is 'bert', expected one of \['simple', 'trans"):
        text_networks("bert", WORDS, 3)


# Word vectors


def test_word_vectors_are_where_the_embedding_begins(tmp_path):
    (tmp_path / "vectors.txt").write_text("3 4\nword1 1 2 3 4\nother 0 0 0 0\nword3 5 6 7 8\n")
    vectors = read_word_vectors(tmp_path / "vectors.txt", WORDS)
    encoder = text_networks("simple", WORDS, 3, dim=4, vectors=vectors)[2]
    found = encoder(np.array([[3, 5, 2]]))
    np.testing.assert_array_equal(found[0, :2], [[1, 2, 3, 4], [5, 6, 7, 8]])
    assert np.all(np.abs(found[0, 2]) <= 0.05)


def test_tokens_of_a_file_of_vectors_may_hold_blanks(tmp_path):
    lines = "word1 1 2 3 4\n. . . 5 6 7 8\nword1 at home 9 9 9 9\nword2 0 0 0 1 \n"
    (tmp_path / "vectors.txt").write_text(lines)
    vectors = read_word_vectors(tmp_path / "vectors.txt", WORDS)
    np.testing.assert_array_equal(vectors[[3, 4]], [[1, 2, 3, 4], [0, 0, 0, 1]])


def test_a_byte_order_mark_is_no_part_of_a_token(tmp_path):
    (tmp_path / "vectors.txt").write_text("word1 1 2\nword2 3 4\n", "utf-8-sig")
    vectors = read_word_vectors(tmp_path / "vectors.txt", WORDS)
    np.testing.assert_array_equal(vectors[[3, 4]], [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    "text", ["", "other 1 2\n", "word1 1 2 3\nword2 1 2\n", "word1 one two\n", "word1 1 nan\n"]
)
def test_unsound_word_vectors(tmp_path, text):
    (tmp_path / "vectors.txt").write_text(text)
    with pytest.raises(
        ValueError, match=r"^word vectors .*, expected lines of a token and its num"
    ):
        read_word_vectors(tmp_path / "vectors.txt", WORDS)


# Encoders of one's own


def lookup_model(lookup):
    tokens = keras.Input((None,), dtype="string")
    x = keras.layers.Embedding(len(WORDS) + 2, 6, mask_zero=True)(lookup(tokens))
    return keras.Model(tokens, keras.layers.Dense(5)(x))


@pytest.mark.parametrize("kind", ["lookup", "vectorization"])
def test_an_encoder_out_of_a_file_brings_its_vocabulary(tmp_path, kind):
    lookups = {
        "lookup": keras.layers.StringLookup(vocabulary=WORDS, mask_token=""),
        "vectorization": keras.layers.TextVectorization(
            standardize=None, split=None, vocabulary=WORDS
        ),
    }
    whole = lookup_model(lookups[kind])
    whole.save(tmp_path / "encoder.keras")
    encoder = load_token_encoder(tmp_path / "encoder.keras")
    tokens = tf.constant([["word3", "quark", "word0", ""]])
    expected = whole(tokens)
    np.testing.assert_allclose(encoder(encoder.look_up(tokens))[:, :3], expected[:, :3], atol=ATOL)
    focus, classifier = keras.layers.Dense(1), keras.layers.Dense(3)
    one = FocusClassifier(focus, classifier, encoder=encoder)
    one(encoder.look_up(tokens))
    one.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        loaded(loaded.encoder.look_up(tokens))["label"], one(encoder.look_up(tokens))["label"]
    )


def test_encoders_that_cannot_be_used(tmp_path):
    path = tmp_path / "encoder.keras"
    with pytest.raises(ValueError, match=r"^encoder .* cannot be loaded \(.*\), expected a .keras"):
        load_token_encoder(path)
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]).save(path)
    with pytest.raises(ValueError, match=r"^encoder .* has 0 look-ups of strings, expected"):
        load_token_encoder(path)
    lookup_model(keras.layers.StringLookup(vocabulary=WORDS)).save(path)
    with pytest.raises(
        ValueError, match=r"^encoder .* gives ids 0 and 1 to \['\[UNK\]', 'word0'\]"
    ):
        load_token_encoder(path)
    lookup_model(keras.layers.StringLookup(vocabulary=["Tea", *WORDS], mask_token="")).save(path)
    with pytest.raises(ValueError, match=r"^encoder .* has the token 'Tea' in its look-up, expect"):
        load_token_encoder(path)
    stripping = keras.layers.TextVectorization(split=None, vocabulary=WORDS)
    lookup_model(stripping).save(path)
    with pytest.raises(ValueError, match=r"has standardize='lower_and_strip_punctuation' in its"):
        load_token_encoder(path)
    tokens = keras.Input((None,), dtype="string")
    x = keras.layers.StringLookup(vocabulary=WORDS, mask_token="")(tokens)
    x = keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(9, 6, mask_zero=True)(x))
    keras.Model(tokens, x).save(path)
    with pytest.raises(
        ValueError, match=r"^encoder .* gives shape \(None, 6\), expected \(batch, to"
    ):
        load_token_encoder(path)
