"""Segments that are taken away: the oracle has them cut out, an example at a time."""

import keras
import numpy as np
import pytest

from attention_zoo import layers
from attention_zoo._explain.deletions import Deletions
from attention_zoo.models import FocusClassifier
from attention_zoo.models.networks.bags import _MaxOfBag

N, M, D, C = 7, 5, 4, 3
WAYS = ["argmax", "marginal", "soft"]


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, M, D)).astype("float32")
    lengths = np.array([1, 2, 3, 4, 5, 5, 5])
    return x, np.arange(M) < lengths[:, None]


def linear(normalizer="softmax", encoder=None, read_by=lambda dense: dense):
    normal = keras.initializers.RandomNormal(stddev=1.0, seed=1)
    focus = keras.layers.Dense(1, use_bias=False, kernel_initializer=normal)
    classifier = keras.layers.Dense(C, kernel_initializer=normal, bias_initializer="ones")
    attention = layers.SoftAttention(normalizer=normalizer)
    model = FocusClassifier(focus, read_by(classifier), attention, encoder=encoder)
    model.build((None, None, D))
    return model


class Mixing(keras.layers.Layer):
    """An encoder whose features of a segment depend on the others that are there."""

    def __init__(self):
        super().__init__()
        self.supports_masking = True

    def call(self, x, mask=None):
        there = keras.ops.ones_like(x[..., :1]) if mask is None else mask[..., None]
        there = keras.ops.cast(there, x.dtype)
        total = keras.ops.sum(x * there, axis=1, keepdims=True)
        return (x + total) * there


ENCODERS = {
    "none": lambda: None,
    "per segment": lambda: layers.PerSegment(keras.layers.Dense(D, activation="tanh")),
    "mixing": Mixing,
    "max of bag": lambda: _MaxOfBag(keras.layers.Dense(D, activation="tanh")),
}


@pytest.mark.parametrize("normalizer", ["softmax", "sparsemax", "entmax15", "spherical_softmax"])
@pytest.mark.parametrize("encoder", ENCODERS)
def test_what_is_left_is_predicted_as_if_it_were_all(data, rounding, normalizer, encoder):
    x, there = data
    model = linear(normalizer, ENCODERS[encoder]())
    kept = np.random.default_rng(1).random((3, N, M)) < 0.6
    found = Deletions(model, {"segments": x, "mask": there}).of(list(kept))
    for way in WAYS:
        p = np.exp(keras.ops.convert_to_numpy(found[way]))
        assert p.shape == (N, 3, C)
        for i in range(N):
            for k in range(3):
                rest = x[i, kept[k, i] & there[i]]
                if len(rest):
                    own = model.every_way(*model.encode(rest[None]))[way]
                    own = np.exp(keras.ops.convert_to_numpy(own))[0]
                    np.testing.assert_allclose(p[i, k], own, atol=rounding(2 * D, 16))


@pytest.mark.parametrize("encoder", ENCODERS)
def test_where_nothing_is_left_it_is_what_the_model_says_of_nothing(data, rounding, encoder):
    x, there = data
    model = linear(encoder=ENCODERS[encoder]())
    nothing = np.zeros_like(there)
    found = Deletions(model, x).of([nothing])
    own = model.every_way(*model.encode({"segments": x, "mask": nothing}))
    for way in WAYS:
        p, q = (keras.ops.convert_to_numpy(one[way]) for one in (found, own))
        np.testing.assert_allclose(p[:, 0], q, atol=rounding(2 * D, 8))


@pytest.mark.parametrize("encoder", ENCODERS)
def test_taking_absent_segments_away_changes_nothing(data, rounding, encoder):
    x, there = data
    model = linear(encoder=ENCODERS[encoder]())
    deletions = Deletions(model, {"segments": x, "mask": there})
    both = deletions.of([np.ones_like(there), there])
    for way in WAYS:
        p = keras.ops.convert_to_numpy(both[way])
        np.testing.assert_allclose(p[:, 0], p[:, 1], atol=rounding(D, 4))


def test_order_is_that_of_attention_with_absent_segments_last(data):
    x, there = data
    deletions = Deletions(linear("sparsemax"), {"segments": x, "mask": there})
    a, order, rank = (
        keras.ops.convert_to_numpy(one)
        for one in (deletions.focus, deletions.order, deletions.rank)
    )
    for i in range(N):
        expected = np.argsort(np.where(there[i], -a[i], 1.0), kind="stable")
        np.testing.assert_array_equal(order[i], expected)
        np.testing.assert_array_equal(order[i][rank[i]], np.arange(M))


@pytest.mark.parametrize(("encoder", "runs"), [("none", M + 1), ("mixing", M + 2)])
def test_runs_of_the_classifier(data, counting_layer, encoder, runs):
    """As they are: m and soft's; a deletion is one more, or all again where the encoder mixes."""
    x = data[0]
    model = linear(encoder=ENCODERS[encoder](), read_by=counting_layer)
    counting = model.classifier
    counting.count = 0
    deletions = Deletions(model, x)
    nothing = 1 if encoder == "none" else 0  # a run of zeros a batch
    assert counting.count == N * runs + nothing
    counting.count = 0
    deletions.of([np.ones((N, M), bool)] * 4)
    assert counting.count == N * 4 * (1 if encoder == "none" else M + 2) + nothing
