"""Greedy and beam search against searches in NumPy that know nothing of graphs or batches."""

import itertools

import keras
import numpy as np
import pytest

from attention_zoo.models import Captioner, CaptionSearch, text_of

END, WRITTEN = 3, range(3, 9)  # padding, unknown and start are never written


@pytest.fixture
def features():
    return np.random.default_rng(3).normal(size=(6, 3, 5)).astype("float32")


def search(model, features, *settings):
    """The captions found, and whatever is after the end is checked to be empty."""
    found = CaptionSearch(model, *settings)({"features": features})
    found = keras.tree.map_structure(keras.ops.convert_to_numpy, found)
    for words, focus in zip(found["words"], found["focus"]):
        ends = np.flatnonzero(words == END)
        n = ends[0] + 1 if len(ends) else len(words)
        assert np.all(words[:n] >= 3) and not np.any(words[n:]) and not np.any(focus[n:])
        np.testing.assert_allclose(focus[:n].sum(axis=1), 1.0, atol=1e-5)
    return found


def teacher_forced(model, features, captions):
    """log p (b,) of captions (b, l) and attention (b, l, r), by the model's own call."""
    before = np.concatenate([np.full((len(captions), 1), 2), captions[:, :-1]], axis=1)
    outputs = model({"features": features, "words": before})
    outputs = keras.tree.map_structure(keras.ops.convert_to_numpy, outputs)
    log_p = np.take_along_axis(outputs["words"], captions[..., None], axis=2)[..., 0]
    return np.where(captions != 0, log_p, 0.0).sum(axis=1), outputs["focus"]


def exhaustive(model, x, max_length, length_power):
    """The best score of all captions of one image."""
    rest = [word for word in WRITTEN if word != END]
    captions = [
        [*begun, END] for n in range(max_length) for begun in itertools.product(rest, repeat=n)
    ]
    captions += [list(cut) for cut in itertools.product(rest, repeat=max_length)]
    padded = np.array([caption + [0] * (max_length - len(caption)) for caption in captions])
    log_p, _ = teacher_forced(model, np.repeat(x[None], len(padded), axis=0), padded)
    score = log_p / np.array([len(caption) for caption in captions]) ** length_power
    return padded[score.argmax()], score.max()


def test_the_encoder_sees_an_image_once():
    class Counted(keras.layers.Layer):
        calls = 0

        def call(self, x):
            type(self).calls += 1
            return keras.ops.reshape(x, (-1, 4, 3))

    encoder = keras.Sequential([keras.Input((2, 2, 3)), Counted()])
    model = Captioner(["a", "b"], "lvml", encoder, units=3, embedding_dim=3, attention_units=2)
    model.build({"image": (None, 2, 2, 3), "words": (None, None)})
    Counted.calls = 0
    CaptionSearch(model, 3)({"image": np.ones((2, 2, 2, 3), "float32")})
    assert Counted.calls == 1


WAYS = [("soft", "soft"), ("lvml", "marginal"), ("hard", "argmax"), ("reinforce", "argmax")]


@pytest.mark.parametrize(("attention", "inference"), WAYS)
def test_greedy_takes_the_most_probable_next_word(captioner, features, attention, inference):
    model = captioner(attention, inference=inference)
    found = search(model, features, 1, 5)
    words = np.zeros((6, 5), int)
    for t in range(5):  # the whole caption anew for every word
        before = np.concatenate([np.full((6, 1), 2), words[:, :t]], axis=1)
        q = model({"features": features, "words": before})["words"][:, -1]
        q = keras.ops.convert_to_numpy(q)
        going = ~np.any(words == END, axis=1)
        words[:, t] = np.where(going, END + q[:, END:].argmax(axis=1), 0)
    np.testing.assert_array_equal(found["words"], words)


@pytest.mark.parametrize("width", [1, 3])
@pytest.mark.parametrize(("attention", "inference"), WAYS)
def test_numbers_are_those_of_the_caption_under_the_model(
    captioner, features, attention, inference, width
):
    model = captioner(attention, inference=inference)
    found = search(model, features, width, 5, 0.5)
    log_p, focus = teacher_forced(model, features, found["words"])
    there = found["words"] != 0
    np.testing.assert_allclose(found["log_probability"], log_p, atol=1e-4)
    np.testing.assert_allclose(found["score"], log_p / there.sum(axis=1) ** 0.5, atol=1e-4)
    np.testing.assert_allclose(found["focus"], np.where(there[..., None], focus, 0), atol=1e-5)


@pytest.mark.parametrize("length_power", [0.0, 0.7, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_width_of_all_beginnings_is_exhaustive_search(captioner, features, length_power, seed):
    model = captioner("lvml" if seed else "soft")
    end = model.decoder.vocabulary.bias  # captions of several lengths
    end.assign(end + np.eye(9)[END] * (seed - 1))
    found = search(model, features[:3], 25, 3, length_power)  # 25 = 5^2 beginnings of 2 words
    for i in range(3):
        words, score = exhaustive(model, features[i], 3, length_power)
        np.testing.assert_array_equal(found["words"][i], words)
        np.testing.assert_allclose(found["score"][i], score, atol=1e-4)


@pytest.mark.parametrize("length_power", [0.0, 1.0])
def test_wider_is_never_below_greedy(captioner, length_power):
    """On 200 images; and beams of several widths find better captions for some of them."""
    model = captioner("lvml")
    features = np.random.default_rng(4).normal(size=(200, 3, 5)).astype("float32")
    greedy = search(model, features, 1, 6, length_power)["score"]
    for width in (2, 3, 5):
        score = search(model, features, width, 6, length_power)["score"]
        assert np.all(score >= greedy - 1e-4)
        assert np.any(score > greedy + 0.01)


def test_an_image_alone_gets_the_caption_it_gets_in_a_batch(captioner, features):
    model = captioner("lvml")
    whole = search(model, features, 3, 5)
    for i in range(3):
        alone = search(model, features[i : i + 1], 3, 5)
        np.testing.assert_array_equal(alone["words"][0], whole["words"][i])


@pytest.mark.parametrize("jit_compile", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_predict_compiles_the_search(captioner, features, jit_compile):
    model = CaptionSearch(captioner("hard"), beam_width=2, max_length=4)
    model.compile(jit_compile=jit_compile)
    found = model.predict({"features": features}, batch_size=6, verbose=0)
    expected = model({"features": features})
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], atol=1e-4)


def test_images_are_searched_by_the_encoder(small_encoder):
    model = Captioner(["a", "b"], encoder=small_encoder(), units=6)
    image = np.random.default_rng(0).integers(256, size=(2, 8, 8, 3), dtype="uint8")
    model({"image": image, "words": np.array([[2]] * 2)})
    one = CaptionSearch(model, 2, 4)({"image": image})
    other = CaptionSearch(model, 2, 4)({"features": model.encoder(image)})
    np.testing.assert_array_equal(one["words"], other["words"])
    assert one["focus"].shape == (2, 4, 4)


def test_text_of_words():
    words = [[4, 5, 3, 0], [2, 1, 5, 5], [3, 0, 0, 0]]
    assert text_of(words, ["dog", "runs"]) == ["dog runs", "<unknown> runs runs", ""]


def test_bad_settings_raise(captioner, features):
    for settings, message in [
        ({"beam_width": 0}, "beam_width is 0, expected 1 or more"),
        ({"max_length": 1.5}, "max_length is 1.5, expected an integer"),
        ({"length_power": -1}, "length_power is -1, expected a number of 0 or more"),
    ]:
        with pytest.raises(ValueError, match=message):
            CaptionSearch(captioner(), **settings)
    with pytest.raises(ValueError, match="the captioner is not built, expected one that was"):
        CaptionSearch(Captioner(["a"]))
    with pytest.raises(ValueError, match="inputs are a ndarray, expected a dict of 'features'"):
        CaptionSearch(captioner()).call(features)
