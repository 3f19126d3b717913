"""Standardize and the moments it is given, against NumPy, under every dtype policy."""

import keras
import numpy as np
import pytest
import scipy.special

from attention_zoo._explain.captions import ExplainedWords
from attention_zoo._explain.explained import Explained, Explainer
from attention_zoo.evaluation.captions import word_figures
from attention_zoo.evaluation.every_way import EveryWay
from attention_zoo.layers import PerSegment, Precomputed, Regions
from attention_zoo.models import CaptionSearch, FocusClassifier, Standardize
from attention_zoo.models.networks import standardize

B, M, D, C = 5, 4, 6, 3
MEAN = 1000.0  # with deviation 1: bfloat16 has steps of 8 here, float16 of 0.5
FLOAT32 = {"dtype": "float32"}
EPS = {"mixed_bfloat16": 2.0**-7, "mixed_float16": 2.0**-10}  # of half floats


@pytest.fixture(params=EPS)
def eps(request):
    """The distance of half floats from 1 to the next, under a policy that is set."""
    keras.config.set_dtype_policy(request.param)
    yield EPS[request.param]
    keras.config.set_dtype_policy("float32")


@pytest.fixture
def features():
    """(x, y): features of mean 1000 and deviation 1, float32, and standardised, float64."""
    x = np.random.default_rng(0).normal(MEAN, 1.0, (B, M, D)).astype("float32")
    return x, x.astype("float64") - MEAN


def network(*layers, shape=(D,)):
    """`Standardize`, adapted, and other layers."""
    whole = keras.Sequential([keras.Input(shape), Standardize(), *layers])
    whole.layers[0].adapt(np.full(D, MEAN), np.ones(D))
    return whole


def as_float64(x):
    return keras.ops.convert_to_numpy(keras.ops.cast(x, "float32")).astype("float64")


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16", "bfloat16"])
def test_a_large_mean_and_a_small_deviation_are_not_rounded(policy):
    layer = Standardize(dtype=keras.dtype_policies.get(policy))
    layer.build((None, 3))
    assert not layer.is_adapted
    mean, deviation = np.array([50.3, 0.0, 2.0]), np.array([0.1, 1e-8, 0.0])
    layer.adapt(mean, deviation)
    assert layer.is_adapted
    x = np.array([[50.4, 3e-8, 7.0], [50.1, -1e-8, 2.0]], "float32")
    found = keras.ops.convert_to_numpy(keras.ops.cast(layer(x), "float32"))
    # The third never varied: it is left in its units. Half floats have 8 bits or more.
    expected = [[1.0, 3.0, 5.0], [-2.0, -1.0, 0.0]]
    np.testing.assert_allclose(found, expected, rtol=2e-3 if policy == "float32" else 2**-7)
    assert keras.backend.standardize_dtype(layer(x).dtype) == layer.compute_dtype


@pytest.mark.low_precision
@pytest.mark.parametrize(
    "around",
    [lambda: PerSegment(network()), lambda: Regions(network(shape=(M, D)))],
    ids=["per segment", "regions"],
)
def test_a_layer_around_it_does_not_round_before(eps, features, around):
    x, y = features
    layer, inputs = around(), keras.Input((M, D))
    for one in (layer, keras.Model(inputs, layer(inputs))):
        np.testing.assert_allclose(as_float64(one(x)), y, rtol=eps, atol=MEAN * 2**-23)
        assert keras.backend.standardize_dtype(one(x).dtype) == layer.compute_dtype


def classified(y, model):
    """The log-probabilities (b, c) of soft attention, and the attention (b, m), in float64."""
    kernels = [
        keras.ops.convert_to_numpy(net.weights[-1]) for net in (model.focus, model.classifier)
    ]
    w, v = (kernel.astype("float64") for kernel in kernels)
    a = scipy.special.softmax(y @ w[:, 0], axis=1)
    return scipy.special.log_softmax(np.einsum("bm,bmd->bd", a, y) @ v, axis=1), a


@pytest.fixture(params=["encoder", "networks", "precomputed"])
def focus_classifier(request):
    """One whose encoder standardises, or focus and classifier, or what gives features."""
    layers = [keras.layers.Dense(n, use_bias=False) for n in (1, C)]
    if request.param == "encoder":
        return FocusClassifier(*layers, "soft", encoder=PerSegment(network()))
    networks = [network(layer) for layer in layers]
    if request.param == "networks":
        return FocusClassifier(*networks, "soft")
    encoder = keras.Sequential([keras.Input((M * D,)), keras.layers.Reshape((M, D))])
    model = FocusClassifier(*networks, "soft", encoder=Precomputed(encoder))
    model.build((None, M * D))
    return model


@pytest.mark.low_precision
def test_a_focus_classifier_does_not_round_before(eps, features, focus_classifier):
    x, y = features
    outputs = focus_classifier(x)
    assert {keras.backend.standardize_dtype(z.dtype) for z in outputs.values()} == {"float32"}
    q, a = classified(y, focus_classifier)
    # Half floats are y, the kernels, the average and the logits: scores and logits are of a few.
    np.testing.assert_allclose(as_float64(outputs["focus"]), a, atol=4 * eps)
    np.testing.assert_allclose(as_float64(outputs["label"]), q, atol=8 * eps)
    explained = Explainer(Explained(focus_classifier))(x)
    np.testing.assert_allclose(as_float64(EveryWay(focus_classifier)(x)["soft"]), q, atol=8 * eps)
    np.testing.assert_allclose(as_float64(explained["soft"]), q, atol=8 * eps)


@pytest.mark.low_precision
@pytest.mark.tensorflow("SavedModels")
def test_what_is_exported_does_not_round_before(eps, features, focus_classifier):
    from attention_zoo._export.prediction_modes import Ways  # imports TensorFlow

    x, y = features
    focus_classifier(x)  # builds it
    q, _ = classified(y, focus_classifier)
    found = Ways(focus_classifier, "soft")(x)["soft"]
    np.testing.assert_allclose(as_float64(found), q, atol=8 * eps)


@pytest.mark.low_precision
def test_a_captioner_does_not_round_before(eps, captioner, numpy_captioner):
    rng = np.random.default_rng(2)
    words = np.array([[2, 4, 7, 5], [2, 1, 8, 6]])
    y = rng.normal(size=(2, 3, 5))
    x = (MEAN + y).astype("float32")
    y = x.astype("float64") - MEAN
    model = captioner(standardize=True)
    model.standardize.adapt(np.full(5, MEAN), np.ones(5))
    expected = numpy_captioner(model).scores(y, words)
    written = np.concatenate([words[:, 1:], [[3], [3]]], axis=1)
    found = model({"features": x, "words": words})
    explained = Explainer(ExplainedWords(model))({"features": x, "words": written})
    # Four words, one after the other, each by products of half floats that are of a few.
    for focus in (found["focus"], explained["focus"]):
        np.testing.assert_allclose(as_float64(focus), expected["focus"], atol=8 * eps)
    for q in (found["words"], explained["soft"]):
        np.testing.assert_allclose(as_float64(q), expected["soft"], atol=32 * eps)
    figures = word_figures(model, [({"features": x, "words": words}, {"words": written})])
    of_true = np.take_along_axis(expected["soft"], written[..., None], axis=-1)
    assert np.log(figures["perplexities"]["soft"]) == pytest.approx(-of_true.mean(), abs=32 * eps)
    searched, unrounded = (CaptionSearch(model, **d)({"features": x}) for d in ({}, FLOAT32))
    for name, value in unrounded.items():
        np.testing.assert_array_equal(as_float64(searched[name]), as_float64(value))


def test_a_layer_saved_before_it_computed_in_float32_is_loaded():
    config = {"name": "standardize", "trainable": True, "dtype": "float32", "autocast": True}
    assert not Standardize.from_config(config).autocast


def test_moments_are_those_of_all_rows_whatever_the_arrays_and_chunks(monkeypatch):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(5.0, 2.0, (n, 4)).astype("float32") for n in (7, 1, 30)]
    everything = np.concatenate(arrays).astype(float)
    for chunk in (4, 20, 10_000):  # numbers: 1, 5 and all rows
        monkeypatch.setattr(standardize, "_CHUNK", chunk)
        mean, deviation = standardize.moments(iter(arrays))
        np.testing.assert_allclose(mean, everything.mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(deviation, everything.std(axis=0), rtol=1e-10)
