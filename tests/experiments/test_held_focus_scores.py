import keras
import numpy as np
import pytest
import tensorflow as tf

from attention_zoo import layers
from experiments.held_focus.scores import FixedFocusScores

B, M, D, C = 6, 4, 5, 3
ALPHAS = (0.25, 0.6, 1.0)
ATTENTIONS = ("soft", "hard", "lvml")


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    return rng.normal(size=(B, M, D)).astype("float32"), rng.integers(C, size=B).astype("int32")


def network():
    hidden, logits = keras.layers.Dense(7, "tanh"), keras.layers.Dense(C)
    return keras.Sequential([keras.Input((D,)), hidden, logits])


def scores_of(network, attentions=ATTENTIONS):
    """Every network with weights of its own."""
    scores, rng = FixedFocusScores(network, attentions=attentions, alphas=ALPHAS), _rng()
    for weight in scores.trainable_variables:
        weight.assign(rng.normal(size=weight.shape))
    return scores


def _rng():
    return np.random.default_rng(1)


def alone(scores, attention, k, network):
    """The network of a loss and of alpha number k."""
    readers = [name for name in scores.attentions if name != "soft"]
    copies = scores.of_averages if attention == "soft" else scores.of_segments
    at = k if attention == "soft" else k * len(readers) + readers.index(attention)
    one = keras.models.clone_model(network)
    one.set_weights([stack.numpy()[at] for stack in copies.stacks])
    return one


def held(alpha):
    """The attention of every mosaic, (B, M)."""
    return np.tile([alpha] + [(1 - alpha) / (M - 1)] * (M - 1), (B, 1))


def grid(alphas=ALPHAS, losses=3):
    return tf.constant([alphas] * losses, "float32")


@pytest.mark.parametrize("thrifty", [False, True])
@pytest.mark.parametrize("attention", ATTENTIONS)
def test_scores_are_those_of_the_attention_layers(attention, thrifty, batch):
    """Of scores s = log a, whose softmax is a."""
    segments, label = batch
    net = network()
    scores = scores_of(net)
    got = scores.of_attention(segments, label, thrifty)(grid())[ATTENTIONS.index(attention)]
    layer = layers.get(attention)
    for k, alpha in enumerate(ALPHAS):
        s = np.log(np.maximum(held(alpha), 1e-30)).astype("float32")
        q, _ = layer.class_scores(alone(scores, attention, k, net), segments, s)
        np.testing.assert_allclose(got[k], q.numpy()[np.arange(B), label], atol=1e-5)


def test_scores_are_the_formulas(batch):
    """In NumPy, float64, of linear networks."""
    segments, label = batch
    net = keras.Sequential([keras.Input((D,)), keras.layers.Dense(C)])
    scores = scores_of(net)
    got = scores.of_attention(segments, label)(grid())
    for i, attention in enumerate(ATTENTIONS):
        for k, alpha in enumerate(ALPHAS):
            w, e = (x.astype("float64") for x in alone(scores, attention, k, net).get_weights())
            a, x = held(alpha), segments.astype("float64")
            p = _softmax(x @ w + e)[np.arange(B), :, label]  # (b, m)
            q = {
                "soft": np.log(_softmax(np.einsum("bm,bmd->bd", a, x) @ w + e))[range(B), label],
                "hard": (a * np.log(p)).sum(axis=1),
                "lvml": np.log((a * p).sum(axis=1)),
            }
            np.testing.assert_allclose(got[i, k], q[attention], rtol=1e-5, atol=1e-6)


def _softmax(logits):
    return np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)


def test_thrift_at_one_changes_no_gradient(batch):
    scores = scores_of(network())

    def gradients(thrifty):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(scores.of_attention(*batch, thrifty)(grid()))
        return tape.gradient(loss, [weight.value for weight in scores.trainable_variables])

    for one, other in zip(gradients(True), gradients(False), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_at_one_the_thrifty_networks_read_no_others(batch):
    """What stands in the others' place may be anything."""
    segments, label = batch
    scores = scores_of(network(), ("hard", "lvml"))
    spoilt = np.concatenate([segments[:, :1], np.full((B, M - 1, D), np.nan, "float32")], axis=1)
    q = scores.of_attention(spoilt, label, thrifty=True)(grid(losses=2))
    assert np.isfinite(q[:, -1]).all() and np.isnan(q[:, :-1]).all()


def test_at_one_the_loss_of_what_is_next_to_impossible_is_finite(batch):
    """log p = -300, whose p is 0 in float32."""
    segments, _ = batch
    net = keras.Sequential([keras.Input((D,)), keras.layers.Dense(C, use_bias=False)])
    scores = FixedFocusScores(net, attentions=("hard", "lvml"), alphas=(0.5, 1.0))
    kernel = np.zeros((D, C), "float32")
    kernel[0, 1] = 300.0
    scores.of_segments.stacks[0].assign(np.stack([kernel] * 4))
    segments[:, 0, 0] = 1.0
    q = scores.of_attention(segments, np.zeros(B, "int32"), thrifty=True)(grid((0.5, 1.0), 2))
    np.testing.assert_allclose(q[:, 1], -300.0, rtol=1e-6)


@pytest.mark.parametrize("attentions", [["soft"], ["hard"], ["lvml"], ["lvml", "soft"]])
def test_losses_stand_alone(attentions, batch):
    """Scores do not depend on which other losses there are, nor on their order."""
    together = scores_of(network())
    some = FixedFocusScores(network(), attentions=attentions, alphas=ALPHAS)
    for name in attentions:
        for k in range(len(ALPHAS)):
            _set(some, name, k, alone(together, name, k, network()).get_weights())
    got = some.of_attention(*batch)(grid(losses=len(attentions)))
    want = together.of_attention(*batch)(grid())
    for i, name in enumerate(attentions):
        np.testing.assert_allclose(got[i], want[ATTENTIONS.index(name)], atol=1e-5)


def _set(scores, attention, k, weights):
    readers = [name for name in scores.attentions if name != "soft"]
    copies = scores.of_averages if attention == "soft" else scores.of_segments
    at = k if attention == "soft" else k * len(readers) + readers.index(attention)
    for stack, weight in zip(copies.stacks, weights, strict=True):
        value = stack.numpy()
        value[at] = weight
        stack.assign(value)


def test_networks_at_one_alone_are_thrifty_too(batch):
    scores = FixedFocusScores(network(), attentions=("hard", "lvml"), alphas=(1.0,))
    one = tf.ones((2, 1))
    got = scores.of_attention(*batch, thrifty=True)(one)
    np.testing.assert_allclose(got, scores.of_attention(*batch)(one), atol=1e-6)
