"""SavedModels that take raw strings, loaded where there is nothing but TensorFlow."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from attention_zoo._export import export
from attention_zoo.models import FocusClassifier, TokenEncoder
from attention_zoo.models.networks.text import text_networks

WORDS = ["thunder", "soup", "tea", "שלום", "🌧️", ",", "!"]


def text_model(network="simple"):
    keras.utils.set_random_seed(0)
    focus, classifier, encoder = text_networks(network, WORDS, 3, dim=8, dropout=0.5)
    model = FocusClassifier(focus, classifier, "lvml", encoder=TokenEncoder(WORDS, encoder))
    model.build((None, None))
    return model


@pytest.fixture(scope="module")
def texts(strange_texts):
    return [" ".join(tokens) for tokens in strange_texts.values()] + ["Tea, SOUP!", "   "]


@pytest.fixture(scope="module")
def served(served_texts, texts, tmp_path_factory):
    """All texts at once, then one at a time, by a process that knows TensorFlow alone."""
    return served_texts(text_model("transformer"), texts, tmp_path_factory.mktemp("text"))


def test_tokens_are_what_blanks_separate_and_marks(served, texts):
    whole = served[0]
    for text, row in zip(texts[:-2], whole["tokens"], strict=False):
        assert [token for token in row if token] == text.split()
    assert whole["tokens"][-2][:5] == ["Tea", ",", "SOUP", "!", ""]
    assert set(whole["tokens"][-1]) == {""}


def test_served_numbers_are_the_models(served, texts):
    model = text_model("transformer")
    whole = served[0]
    outputs = model(model.encoder.look_up(tf.constant(whole["tokens"])))
    np.testing.assert_allclose(whole["probabilities"], np.exp(outputs["label"]), atol=1e-5)
    np.testing.assert_allclose(whole["focus"], outputs["focus"], atol=1e-5)
    np.testing.assert_array_equal(whole["label"], np.argmax(whole["probabilities"], axis=1))


def test_the_chosen_token_is_the_most_attended_one(served):
    for outputs in served:
        rows = zip(outputs["focus"], outputs["segment"], outputs["tokens"], strict=True)
        for chosen, (a, segment, tokens) in zip(outputs["token"], rows, strict=True):
            assert segment == (int(np.argmax(a)) if any(a) else -1)
            assert chosen == (tokens[segment] if any(a) else "")


def test_a_text_alone_is_served_as_in_a_batch(served):
    whole, *alone = served
    for i, outputs in enumerate(alone):
        m = len(outputs["focus"][0])
        np.testing.assert_allclose(outputs["focus"][0], whole["focus"][i][:m], atol=1e-5)
        np.testing.assert_allclose(
            outputs["probabilities"][0], whole["probabilities"][i], atol=1e-5
        )
        assert outputs["token"][0] == whole["token"][i]


def test_argmax_reads_the_chosen_token_alone(served):
    model = text_model("transformer")
    for outputs in served:
        chosen = outputs["argmax"]
        assert chosen.keys() == {"probabilities", "label", "segment", "token"}
        assert (chosen["segment"], chosen["token"]) == (outputs["segment"], outputs["token"])
        assert chosen["label"] == outputs["segment_label"]
        np.testing.assert_allclose(
            chosen["probabilities"], outputs["segment_probabilities"], atol=1e-5
        )
    ids = model.encoder.look_up(tf.constant(served[0]["tokens"]))
    expected = np.exp(model.every_way(*model.encode(ids))["argmax"])
    np.testing.assert_allclose(served[0]["argmax"]["probabilities"], expected, atol=1e-5)


def test_mask_beside_texts_is_refused(tmp_path):
    with pytest.raises(ValueError, match="mask is True with a TokenEncoder, expected False"):
        export(text_model(), tmp_path / "model", mask=True)
