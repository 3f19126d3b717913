"""Networks of bags against their formulas in NumPy; pooling without attention; saving."""

import keras
import numpy as np
import pytest

from attention_zoo import layers
from attention_zoo.models import FocusClassifier, Standardize, bag_networks, pooled_networks
from attention_zoo.models.networks.bags import AgainstFirst, one_hot

B, M, D, C = 3, 5, 4, 2
UNITS = {"units": (7, 6), "attention_units": 3}


@pytest.fixture
def bags():
    rng = np.random.default_rng(0)
    mask = np.arange(M) < np.array([[2], [5], [4]])
    segments = rng.normal(size=(B, M, D)).astype("float32")
    segments[~mask] = 1e6  # what is masked does not count, whatever it is
    return {"segments": segments, "mask": mask}


def model_of(networks, attention="soft"):
    focus, classifier, encoder = networks
    model = FocusClassifier(focus, classifier, attention, encoder=encoder)
    model.build({"segments": (None, None, D), "mask": (None, None)})
    return model


def pooling(pool, **options):
    attention = layers.SoftAttention(normalizer=one_hot) if pool == "instance_max" else "soft"
    return model_of(pooled_networks(pool, (D,), C, **UNITS, **options), attention)


def features(model, bag):
    """h of the instances of a bag, by the weights of two dense layers with ReLU."""
    by_width = {one.kernel.shape: one for one in _dense(model)}
    for shape in ((D, 7), (7, 6)):
        layer = by_width[shape]
        bag = np.maximum(bag @ layer.kernel.numpy() + layer.bias.numpy(), 0)
    return bag


def log_softmax(x):
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


@pytest.mark.parametrize("scores", ["attention", "gated"])
def test_scores_and_prediction_are_those_of_the_paper(scores, bags):
    model = model_of(bag_networks((D,), C, scores=scores, **UNITS))
    v, w = model.focus.get_layer("v"), model.focus.get_layer("w").kernel.numpy()
    outputs = model.predict_on_batch(bags)
    for i in range(B):
        there = bags["mask"][i]
        h = features(model, bags["segments"][i][there])
        t = np.tanh(h @ v.kernel.numpy() + v.bias.numpy())
        if scores == "gated":
            u = model.focus.get_layer("u")
            t = t / (1 + np.exp(-(h @ u.kernel.numpy() + u.bias.numpy())))
        a = np.exp(t @ w)[:, 0]
        a /= a.sum()
        np.testing.assert_allclose(outputs["focus"][i][there], a, rtol=1e-5)
        dense = model.classifier.layers[0]
        q = log_softmax((a @ h) @ dense.kernel.numpy() + dense.bias.numpy())
        np.testing.assert_allclose(outputs["label"][i], q, rtol=1e-5, atol=1e-6)


def test_pooling_is_what_it_says(bags):
    """Every way to predict says the same, for there is nothing to choose."""
    for pool in ("mean", "max", "instance_max"):
        model = pooling(pool)
        outputs = model.every_way(*model.encode(bags))
        scores = model(bags, training=False)["focus"].numpy()
        for i in range(B):
            there = bags["mask"][i]
            h = features(model, bags["segments"][i][there])
            dense = [one for one in _dense(model) if one.kernel.shape[1] == C][0]
            kernel, bias = dense.kernel.numpy(), dense.bias.numpy()
            if pool == "instance_max":
                logits = h @ kernel + bias
                j = (logits[:, 1] - logits[:, 0]).argmax()
                expected = log_softmax(logits[j])
                assert scores[i].argmax() == j and scores[i].max() == 1.0
            else:
                pooled = h.mean(axis=0) if pool == "mean" else h.max(axis=0)
                expected = log_softmax(pooled @ kernel + bias)
                np.testing.assert_allclose(scores[i][there], 1 / there.sum(), rtol=1e-6)
            ways = ("soft",) if pool == "mean" else ("argmax", "marginal", "soft")
            for way in ways:
                np.testing.assert_allclose(outputs[way][i], expected, rtol=1e-4, atol=1e-5)


def _dense(model):
    networks = (model.encoder.network, model.classifier)
    return [
        one
        for network in networks
        for one in network._flatten_layers()
        if isinstance(one, keras.layers.Dense)
    ]


def test_of_more_classes_the_least_like_the_first_is_chosen():
    logits = np.array([[3.0, 1.0, 2.0], [0.0, 5.0, -1.0]], "float32")
    np.testing.assert_allclose(AgainstFirst()(logits), [[-1.0], [5.0]])


@pytest.mark.parametrize("pool", ["mean", "max", "instance_max"])
def test_pooling_learns_and_is_saved(pool, bags, tmp_path):
    model = pooling(pool, dropout=0.0)
    model.compile(keras.optimizers.Adam(0.05))
    labels = np.array([0, 1, 0])
    first = model.evaluate(bags, labels, verbose=0, return_dict=True)["loss"]
    model.fit(bags, labels, epochs=16, verbose=0)
    assert model.evaluate(bags, labels, verbose=0, return_dict=True)["loss"] < 0.7 * first
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for name, value in model.predict_on_batch(bags).items():
        np.testing.assert_array_equal(loaded.predict_on_batch(bags)[name], value)


def test_a_tie_beyond_float32_is_none_for_instance_max():
    """Softmax of these is 1 and 1; the larger score is the second."""
    a = one_hot(np.array([[100.0, 100.00001, 0.0]], "float32"))
    np.testing.assert_array_equal(a, [[0.0, 1.0, 0.0]])


def test_features_are_standardised_and_a_constant_one_is_left():
    layer = Standardize()
    x = np.array([[1.0, 7.0], [3.0, 7.0]], "float32")
    np.testing.assert_array_equal(layer(x), x)
    layer.adapt(x.mean(axis=0), x.std(axis=0))
    np.testing.assert_allclose(layer(x), [[-1.0, 0.0], [1.0, 0.0]])
    np.testing.assert_allclose(layer(x + [[0.0, 2.0]]), [[-1.0, 2.0], [1.0, 2.0]])


def test_images_and_networks_of_ones_own():
    focus, classifier, encoder = bag_networks((8, 8, 1), 3)
    assert encoder.compute_output_shape((None, 5, 8, 8, 1)) == (None, 5, 64)
    own = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten()])
    focus, classifier, encoder = bag_networks((8, 8, 1), 3, instance_network=own)
    assert focus.input_shape == classifier.input_shape == (None, 64)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bag_networks((D,), C, scores="additive"), "scores is 'additive', expected one"),
        (lambda: bag_networks((8, 8), C), r"instances have shape \(8, 8\), expected \(d,\), \(h"),
        (lambda: pooled_networks("sum", (D,), C), "pool is 'sum', expected one of"),
        (
            lambda: bag_networks((8, 8, 1), C, instance_network=keras.layers.Conv2D(3, 3)),
            "instance_network gives shape",
        ),
    ],
)
def test_bad_networks_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
