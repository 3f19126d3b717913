"""az.explain of a Captioner, against its decoder in NumPy."""

import keras
import numpy as np
import pytest

import attention_zoo as az
from attention_zoo.models import Captioner, CaptionSearch, text_of

TOP = 2


@pytest.fixture
def features(captions):
    return captions[0]["features"]


def renormalised(s, kept):
    """Softmax over the regions that are kept; 0 on the others."""
    e = np.where(kept, np.exp(s - s.max()), 0.0)
    return e / e.sum()


@pytest.mark.parametrize("attention", ["soft", "hard", "lvml"])
def test_every_number_by_the_decoder_in_numpy(attention, captioner, numpy_captioner, features):
    """A region is taken away from one word; the state that the word is read with stays."""
    model = captioner(attention)
    oracle = numpy_captioner(model)
    for x, found in zip(features, az.explain(model, {"features": features}, top=TOP), strict=True):
        state, last = oracle.start(x), 2  # the start
        for t, word in enumerate(found.written):
            s, a = oracle.attention(x, state[0])
            entered = {"soft": a, "lvml": a, "hard": a}[attention]
            state = oracle.step(last, entered @ x, *state)
            p = np.array([np.exp(oracle.log_p(last, state[0], region)) for region in x])
            order = np.argsort(-a)
            np.testing.assert_allclose(found.attention[t], a, atol=1e-5)
            np.testing.assert_array_equal(found.segments[t], order[:TOP])
            np.testing.assert_allclose(found.alone[t], p[order[:TOP]], atol=1e-5)
            for place in range(TOP):
                kept = np.isin(np.arange(len(x)), order[place + 1 :])
                left = renormalised(s, kept)
                expected = {
                    "soft": np.exp(oracle.log_p(last, state[0], left @ x)),
                    "hard": p[left.argmax()],
                    "lvml": left @ p,
                }[attention]
                np.testing.assert_allclose(found.without[t, place], expected, atol=1e-5)
            np.testing.assert_allclose(found.probabilities["marginal"][t], a @ p, atol=1e-5)
            np.testing.assert_allclose(found.probabilities["argmax"][t], p[a.argmax()], atol=1e-5)
            entropy = -(a * np.log(a)).sum()
            certainty = 1 - entropy / np.log(len(x))
            np.testing.assert_allclose(found.certainty[t], certainty, atol=1e-4)
            whole = found.probabilities[found.way_to_predict][t]
            agreed = found.certainty[t] * found.agreement[t]
            np.testing.assert_allclose(found.confidence[t], agreed * whole[word], atol=1e-5)
            last = word


def test_the_words_are_those_of_greedy_search_and_end_with_it(captioner, features):
    model = captioner("lvml")
    words = CaptionSearch(model).predict({"features": features}, verbose=0)["words"]
    explained = az.explain(model, {"features": features})
    assert [one.caption for one in explained] == text_of(words, model.vocabulary)
    for one in explained:
        assert len(one) == len(one.words)
        np.testing.assert_array_equal(one.label, one.written)
    (alone,) = az.explain(model, {"features": features[0]})
    np.testing.assert_allclose(alone.without, explained[0].without, atol=1e-6)


def test_regions_are_a_batch_where_the_encoder_gives_a_grid():
    """(b, r, d), as features are cached, has as many axes as the grid of one picture."""
    inputs = keras.Input((8, 8, 3))
    encoder = keras.Model(inputs, keras.layers.AveragePooling2D(4)(inputs))
    model = Captioner(["a", "cat"], "lvml", units=4, embedding_dim=3, encoder=encoder)
    images = np.random.default_rng(0).uniform(0, 255, (3, 8, 8, 3)).astype("float32")
    model({"image": images, "words": np.full((3, 1), 2)})
    grids = keras.ops.convert_to_numpy(encoder(images))
    expected = az.explain(model, {"image": images})
    for features, count in ((grids, 3), (grids.reshape(3, 4, 3), 3), (grids[0], 1)):
        found = az.explain(model, {"features": features})
        assert len(found) == count and {one.grid for one in found} == {(2, 2)}
        for one, other in zip(found, expected):
            assert one.caption == other.caption
            np.testing.assert_allclose(one.attention, other.attention, atol=1e-6)


def test_one_grid_is_told_from_a_batch_of_regions_by_the_size_of_pictures():
    inputs = keras.Input((None, None, 3))
    encoder = keras.Model(inputs, keras.layers.AveragePooling2D(4)(inputs))
    model = Captioner(["a", "cat"], "lvml", units=4, embedding_dim=3, encoder=encoder)
    model.build({"image": (None, None, None, 3), "words": (None, None)})
    (found,) = az.explain(model, {"features": np.ones((1, 2, 3, 3), "float32")})
    assert found.grid == (2, 3)
    with pytest.raises(ValueError, match=r"^features have shape \(2, 3, 3\), one grid or a batch "):
        az.explain(model, {"features": np.ones((2, 3, 3), "float32")})


def test_words_of_ones_own_are_explained(captioner, features):
    """Also where another word was more probable; the label is what was written."""
    model = captioner("soft")
    (found,) = az.explain(model, {"features": features[:1]}, words=[[4, 8, 3, 0]], top=9)
    assert found.caption == "a sits"
    p = found.probabilities["soft"]
    np.testing.assert_allclose(found.support["whole"], p[[0, 1], [4, 8]], rtol=1e-6)
    product = found.certainty * found.agreement * found.support["whole"]
    np.testing.assert_allclose(found.confidence, product, rtol=1e-5)
    assert found[1].words == ("sits",) and len(found[1]) == 1
    assert found.table().count("written: ") == 2 and "region 0" in found.table()
    np.testing.assert_array_equal(found.segments[:, 3:], -1)  # three regions
    assert not found.remains[:, 2].any()


def test_the_parts_of_a_picture_are_shown(small_encoder):
    """Of a grid of 2 x 2, region 1 is the upper right quarter."""
    model = Captioner(["a", "b"], "lvml", small_encoder(), units=4, embedding_dim=3)
    model.build({"image": (None, 8, 8, 3), "words": (None, None)})
    picture = np.random.default_rng(0).integers(256, size=(8, 8, 3)).astype("uint8")
    (found,) = az.explain(model, {"image": picture}, words=[[4, 5]])
    np.testing.assert_array_equal(found.inputs[1, 1], picture[:4, 4:])
    assert found.called(0, 1) == "row 1, column 2"
    np.testing.assert_array_equal(found[0].picture, picture)
    assert len(found.plot().axes) == 1 + 2 * 3  # three regions of each word
    assert found._repr_html_().count("<table>") == 2


def test_flips_are_of_what_the_model_predicts_not_of_what_was_written(captioner, features):
    model = captioner("soft")
    (found,) = az.explain(model, {"features": features[:1]}, words=[[4, 8]])
    other = found.without.argmax(axis=-1) != found.predicted[:, None]
    expected = [next((k + 1 for k in range(3) if other[t, k] and k < 2), 0) for t in range(2)]
    np.testing.assert_array_equal(found.flips, expected)
    assert (found.predicted != found.label).any()


def test_pictures_of_another_size_have_a_grid_of_their_own(small_encoder):
    """Built on 8 x 8 pixels, 2 x 2 regions; explained on 16 x 4 and on 4 x 4."""
    layers = small_encoder().layers
    encoder = keras.Sequential([keras.Input((None, None, 3)), *layers])
    model = Captioner(["a", "b"], "lvml", encoder, units=4, embedding_dim=3)
    model.build({"image": (None, 8, 8, 3), "words": (None, None)})
    picture = np.random.default_rng(0).integers(256, size=(16, 4, 3)).astype("uint8")
    (found,) = az.explain(model, {"image": picture}, words=[[4, 5]])
    assert found.grid == (4, 1) and found.called(0, 3) == "row 4, column 1"
    np.testing.assert_array_equal(found.inputs[0, 3], picture[12:])
    (alone,) = az.explain(model, {"image": picture[:4]}, words=[[4]])
    assert alone.grid == (1, 1)
    features = encoder.predict_on_batch(picture[None].astype("float32"))
    for x in (features, features[0]):  # a batch, and one
        (again,) = az.explain(model, {"features": x}, words=[[4, 5]])
        np.testing.assert_allclose(again.attention, found.attention, atol=1e-6)
        assert again.grid == (4, 1)
    with pytest.raises(ValueError, match="^image are of several sizes, expected one size in a b"):
        az.explain(model, {"image": [picture, picture[:4]]})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"inputs": np.zeros((1, 3, 5))}, "^inputs are a ndarray, expected a dict of 'features'$"),
        ({"words": ["a dog"]}, r"^words have shape \(1,\) and dtype <U5, expected ids \(1, n\)"),
        ({"words": [[4, 9]]}, "^words are of 4 to 9, expected ids of 0 to 8$"),
        ({"words": [[2, 4, 6]]}, r"^words have a start, .* expected the words alone, then an end"),
        ({"words": [[4, 0, 6, 3]]}, "^words have a start, or a word behind padding"),
    ],
)
def test_bad_input_is_one_line(given, said, captioner, features):
    with pytest.raises(ValueError, match=said):
        az.explain(captioner(), **{"inputs": {"features": features[:1]}} | given)


def test_a_classifier_writes_no_words():
    dense = keras.layers.Dense
    model = az.FocusClassifier(dense(1), dense(2))
    model.build((None, 2, 3))
    with pytest.raises(ValueError, match="^words are given with a FocusClassifier, expected none"):
        az.explain(model, np.zeros((1, 2, 3)), words=[[4]])
