"""az.explain of models of texts: texts, or what the encoder makes of them."""

import keras
import numpy as np
import pytest

import attention_zoo as az
from attention_zoo.models import FocusClassifier, TextEncoder, TokenEncoder

pytestmark = pytest.mark.tensorflow("strings")
D = 8


def model_of(encoder):
    dense = keras.layers.Dense
    model = FocusClassifier(dense(1), dense(2), encoder=encoder)
    model.build((None, None, *encoder.segment_shape))
    return model


@pytest.fixture(params=["tokens", "pieces"])
def model(request, tiny_bert):
    if request.param == "pieces":
        return model_of(TextEncoder(*tiny_bert(), max_pieces=4))
    return model_of(TokenEncoder(["rain", "is", "hot", "soup"], keras.layers.Embedding(6, D)))


def test_texts_are_explained_by_their_words(model):
    texts = ["Soup is hot!", "rain"]
    found = az.explain(model, texts, top=4)
    assert len(found) == 2
    assert sorted(found.called(0, j) for j in found.segments[0]) == ["!", "Soup", "hot", "is"]
    assert found.called(1, 0) == "rain"
    assert all(word in found.table() for word in ("Soup", "hot", "rain"))
    np.testing.assert_array_equal(found.mask, [[True] * 4, [True, False, False, False]])
    for given in (texts[0], texts[:1], np.array(texts[:1]), np.array(texts[:1], object)):
        alone = az.explain(model, given)
        np.testing.assert_allclose(alone.attention, found.attention[:1], atol=1e-6)


def test_what_look_up_gives_is_explained_too(model):
    words = np.array([["Soup", "is", "hot", "!"]], object)
    found = az.explain(model, np.asarray(model.encoder.look_up(words)))
    expected = az.explain(model, "Soup is hot!")
    np.testing.assert_allclose(found.attention, expected.attention, atol=1e-6)
    assert found.called(0, 0) == "segment 0"


def test_bags_of_what_look_up_gives(model):
    """Texts of unequal length, without padding: no array of strings."""
    texts = [["soup", "is", "hot"], ["rain", "is"]]
    bags = [np.asarray(model.encoder.look_up(np.array([words], object)))[0] for words in texts]
    found = az.explain(model, bags)
    np.testing.assert_array_equal(found.mask, [[True, True, True], [True, True, False]])


def test_words_that_were_cut_already_are_one_line(model):
    with pytest.raises(ValueError, match=r"^texts have shape \(1, 2\), expected \(b,\)$"):
        az.explain(model, np.array([["soup", "rain"]]))
