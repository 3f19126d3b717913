import keras
import numpy as np
import pytest
import tensorflow as tf

from attention_zoo.models import FocusClassifier, TokenEncoder
from attention_zoo.models.networks.text import text_networks

# Sums of up to 24 terms of a size up to 4.
ATOL = 24 * 4 * 2.0**-23
WORDS = ["tea", "soup", "thunder", "שלום"]


def encoder(network="simple", **options):
    return TokenEncoder(WORDS, text_networks(network, WORDS, 3, dim=8, **options)[2])


def test_ids():
    tokens = tf.constant([["tea", "Thunder", "quark"], ["שלום", "🌧️", ""]])
    np.testing.assert_array_equal(encoder().look_up(tokens), [[2, 4, 1], [5, 1, 0]])


@pytest.mark.parametrize("network", ["simple", "transformer"])
def test_padding_changes_nothing(network):
    one, ids = encoder(network), np.array([[2, 3, 1]])
    padded = one(np.array([[2, 3, 1, 0, 0]]))
    np.testing.assert_allclose(padded[:, :3], one(ids), atol=ATOL)
    np.testing.assert_array_equal(padded._keras_mask, [[True, True, True, False, False]])


@pytest.mark.parametrize("network", ["simple", "transformer"])
def test_a_masked_token_is_an_absent_one(network):
    one = encoder(network)
    masked = one(np.array([[2, 3, 4]]), mask=np.array([[True, True, False]]))
    np.testing.assert_allclose(masked[:, :2], one(np.array([[2, 3, 0]]))[:, :2], atol=ATOL)
    np.testing.assert_array_equal(masked._keras_mask, [[True, True, False]])


def test_the_vocabulary_is_saved_with_the_model(tmp_path):
    focus, classifier, network = text_networks("transformer", WORDS, 3, dim=8)
    model = FocusClassifier(focus, classifier, "lvml", encoder=TokenEncoder(WORDS, network))
    ids = model.encoder.look_up(tf.constant([["soup", "tea", ""]]))
    expected = model(ids)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.encoder.vocabulary == tuple(WORDS)
    again = loaded(loaded.encoder.look_up(tf.constant([["soup", "tea", ""]])))
    for name in ("label", "focus"):
        np.testing.assert_array_equal(again[name], expected[name])
    model.save_weights(tmp_path / "model.weights.h5")
    loaded.load_weights(tmp_path / "model.weights.h5")


@pytest.mark.low_precision
def test_mixed_precision_keeps_ids(monkeypatch):
    """300 and 301 are one number in bfloat16."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        words = [f"word{i}" for i in range(400)]
        one = TokenEncoder(words, text_networks("simple", words, 3, dim=8)[2])
        a, b = one(np.float32([[300, 301]]))[0]
    finally:
        keras.config.set_dtype_policy(before)
    assert np.any(np.asarray(a) != np.asarray(b))


def test_the_mask_that_keras_keeps_with_the_ids_holds_too():
    one, ids = encoder(), tf.constant([[2, 3, 4, 1]])
    ids._keras_mask = tf.constant([[True, True, False, True]])
    given = np.array([[False, True, True, True]])
    for mask in (None, given):
        expected = one(np.array([[2, 3, 0, 1]]), mask=mask)
        masked = one(ids, mask=mask)
        np.testing.assert_array_equal(masked, expected)
        np.testing.assert_array_equal(masked._keras_mask, expected._keras_mask)
