import keras
import numpy as np
import pytest

import attention_zoo as az
from attention_zoo.evaluation import captions as module

WORDS = ("red", "square", "blue")


@pytest.fixture
def captioner():
    keras.utils.set_random_seed(0)
    sizes = {"units": 4, "embedding_dim": 4, "attention_units": 3}
    model = az.models.Captioner(WORDS, **sizes)
    model.build({"features": (None, 6, 5), "words": (None, None)})
    model.decoder.vocabulary.bias.assign([0, 0, 0, -9, 0, 0, 0])  # the end comes late
    return model


@pytest.fixture
def pictures():
    """Two batches, the last one smaller."""
    x = np.random.default_rng(0).normal(size=(5, 6, 5)).astype("float32")
    said = np.array([["red square", "blue"]] * 4 + [["square", ""]]).astype("S")
    return [
        ({"features": x[i:j]}, {"picture": np.arange(i, j), "references": said[i:j]})
        for i, j in ((0, 3), (3, 5))
    ]


@pytest.fixture
def without_scores(monkeypatch):
    monkeypatch.setattr(module.metrics, "has_scores", lambda: False)


def test_captions_are_those_of_the_search(captioner, pictures, monkeypatch):
    monkeypatch.setattr(az.metrics, "caption_scores", _scores)
    monkeypatch.setattr(az.metrics, "has_scores", lambda: True)
    settings = {"beam_width": 2, "max_length": 4, "length_power": 0.0}
    perplexities = {"argmax": 5.0, "marginal": 4.0, "soft": 4.5} | {captioner.way_to_predict: 3.0}
    found = az.evaluate_captions(captioner, pictures, **settings, perplexities=perplexities)
    search = az.models.CaptionSearch(captioner, **settings)
    x = np.concatenate([inputs["features"] for inputs, _ in pictures])
    expected = search.predict({"features": x}, verbose=0)
    assert list(found.captions) == az.models.text_of(expected["words"], WORDS)
    np.testing.assert_allclose(found.log_probabilities, expected["log_probability"], atol=1e-5)
    np.testing.assert_array_equal(found.pictures, range(5))
    np.testing.assert_allclose(found.focus, expected["focus"][:3], atol=1e-5)
    there = expected["words"] > 3
    entropy = az.metrics.word_entropy(expected["focus"], there)
    assert found.grounding["entropy"] == pytest.approx(np.nanmean(entropy), abs=1e-5)
    assert found.grounding["words"] == pytest.approx(there.sum() / 5)
    scalars = found.scalars()
    assert scalars["bleu_1"] == 9.0 and scalars["perplexity"] == 3.0
    assert {way: scalars[f"{way}_perplexity"] for way in perplexities} == perplexities
    assert "bleu 1 9.000" in found.table() and "num pictures 5" in found.table()


def _scores(references, captions):
    """Padding is no reference."""
    assert references == [["red square", "blue"]] * 4 + [["square"]]
    return {"bleu_1": float(sum(map(len, references)))}


@pytest.mark.parametrize(("regions", "grid"), [((6,), None), ((2, 3), (2, 3))])
def test_the_grid_is_the_captioners(captioner, pictures, without_scores, regions, grid):
    model = type(captioner).from_config(captioner.get_config())
    model.build({"features": (None, *regions, 5), "words": (None, None)})
    assert az.evaluate_captions(model, pictures, max_length=2).grid == grid


def test_top_k_error_is_the_mean_over_the_words(pictures, without_scores):
    """Against the likelihoods of a captioner that averages over all regions."""
    keras.utils.set_random_seed(0)
    model = az.models.Captioner(WORDS, "lvml", units=4, embedding_dim=4, top_k=2)
    x = np.random.default_rng(0).normal(size=(5, 6, 5)).astype("float32")
    words = np.array([[2, 4, 5], [2, 6, 0], [2, 5, 4], [2, 0, 0], [0, 0, 0]])
    targets = np.array([[4, 5, 3], [6, 3, 0], [5, 4, 3], [3, 0, 0], [0, 0, 0]])
    losses = []
    for k in (None, 2):
        model.top_k = k
        q = keras.ops.convert_to_numpy(
            model({"features": x, "words": words}, training=True)["words"]
        )
        q = np.take_along_axis(q, targets[..., None], axis=2)[..., 0]
        losses.append(-q[targets != 0].mean())
    batches = [
        ({"features": x[i:j], "words": words[i:j]}, {"words": targets[i:j]})
        for i, j in ((0, 2), (2, 5))
    ]
    error = module.word_figures(model, iter(batches))["top_k_error"]  # in one pass
    assert error == pytest.approx(losses[1] - losses[0], abs=1e-5) and error > 0.1
    found = az.evaluate_captions(model, pictures, max_length=2, top_k_error=error)
    assert found.scalars()["top_k_error"] == error
    assert f"top k error {error:.3f}" in found.table()
    with pytest.raises(ValueError, match="^the data set has 0 words, expected one or more$"):
        module.word_figures(model, [])


@pytest.mark.parametrize("attention", ["soft", "lvml", "hard"])
def test_perplexities_are_those_of_models_that_predict_so(attention):
    keras.utils.set_random_seed(0)
    config = {"attention": attention, "units": 4, "embedding_dim": 4}
    model = az.models.Captioner(WORDS, **config)
    x = 3 * np.random.default_rng(0).normal(size=(3, 6, 5)).astype("float32")
    words = np.array([[2, 4, 5], [2, 6, 0], [2, 5, 4]])
    targets = np.array([[4, 5, 3], [6, 3, 0], [5, 4, 3]])
    batches = [
        ({"features": x[i:j], "words": words[i:j]}, {"words": targets[i:j]})
        for i, j in ((0, 2), (2, 3))
    ]
    model({"features": x, "words": words})
    found = module.word_figures(model, batches)["perplexities"]
    for way, perplexity in found.items():
        twin = az.models.Captioner(WORDS, **config, inference=way)
        twin({"features": x, "words": words})
        twin.set_weights(model.get_weights())
        q = keras.ops.convert_to_numpy(twin({"features": x, "words": words})["words"])
        q = np.take_along_axis(q, targets[..., None], axis=2)[..., 0]
        assert perplexity == pytest.approx(np.exp(-q[targets != 0].mean()), rel=1e-5)
    assert len({round(value, 4) for value in found.values()}) == 3
    with pytest.raises(ValueError, match="^the data set has 0 words, expected one or more$"):
        module.word_figures(model, [])


def test_what_cannot_be_scored_is_left_out(captioner, pictures, without_scores):
    found = az.evaluate_captions(captioner, pictures, max_length=2)
    assert found.scores == {} and "perplexity" not in found.scalars()


def test_no_picture(captioner):
    with pytest.raises(ValueError, match="^the data set has no picture that can be read, expected"):
        az.evaluate_captions(captioner, [])


def test_nan_attention_makes_nan_figures_and_one_warning(captioner, pictures, without_scores):
    """It counted as a caption without words, and the rest were means without it."""
    pictures[1][0]["features"][0] = np.nan
    with pytest.warns(RuntimeWarning, match="^attention is NaN in 1 of 5 examples") as told:
        found = az.evaluate_captions(captioner, pictures)
    assert len(told) == 1 and told[0].filename == __file__
    assert np.isnan([found.grounding["entropy"], found.grounding["diversity"]]).all()
