import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import brentq
from scipy.special import wrightomega

from attention_zoo import datasets
from attention_zoo.models import networks
from experiments.fixed_focus import true_segment_first
from experiments.held_focus.classifiers import FixedFocusClassifiers

ATTENTIONS = ("soft", "hard", "lvml")
ALPHAS = (0.2, 0.6, 1.0)


def build(network, step=0.01, alphas=ALPHAS, rates=(1.0, 1.0, 1.0), momentum=0.0):
    model = FixedFocusClassifiers(
        network, attentions=ATTENTIONS, alphas=alphas, learning_rates=rates, step=step
    )
    model.compile(keras.optimizers.SGD(1.0, momentum=momentum))
    model.optimizer.build(model.trainable_variables)
    return model


def random_batch(d=5, c=3):
    rng = np.random.default_rng(0)
    segments = rng.normal(size=(32, 4, d)).astype("float32")
    return segments, {"label": rng.integers(c, size=32).astype("int32")}


def random_network(d=5, c=3):
    return keras.Sequential(
        [keras.Input((d,)), keras.layers.Dense(16, "tanh"), keras.layers.Dense(c)]
    )


def measure(step):
    segments, targets = random_batch()
    network = random_network()
    for weight in network.weights:
        weight.assign(np.random.default_rng(2).normal(0, 0.5, size=weight.shape))
    return build(network, step).measure(segments, targets["label"]).numpy()


def test_the_difference_approaches_the_derivative():
    """Its error is of the order of the step: 4 times less at a fourth of it. Hard's has none."""
    errors = []
    for step in (0.04, 0.01):
        _, drive, derivative = measure(step)
        errors.append(np.abs(drive / step - derivative))
    assert (errors[0][[0, 2]] > 1e-3).all()
    ratio = errors[0][[0, 2]] / errors[1][[0, 2]]
    assert (ratio > 2.5).all() and (ratio < 6.5).all()
    np.testing.assert_allclose(errors[1][1], 0.0, atol=1e-5)


def test_at_one_the_drive_is_that_of_the_way_there():
    """L(0.99) - L(1), not beyond: as measured by networks of the same weights at 0.99."""
    segments, targets = random_batch()
    network = random_network()
    at_one = build(network).measure(segments, targets["label"])
    below = build(network, alphas=(0.2, 0.6, 0.99)).measure(segments, targets["label"])
    np.testing.assert_allclose(at_one[1, :, 2], below[0, :, 2] - at_one[0, :, 2], atol=1e-6)
    np.testing.assert_allclose(at_one[1, :, 2], below[1, :, 2], atol=1e-6)


def test_figures_are_means_over_all_batches():
    segments, targets = random_batch()
    model = build(random_network())
    for part in (slice(0, 20), slice(20, 32)):
        model.test_step((segments[part], {"label": targets["label"][part]}))
    results = {name: float(value) for name, value in model.get_metrics_result().items()}
    whole = model.measure(segments, targets["label"]).numpy()
    assert len(results) == whole.size and "loss" not in results
    assert results["drive_hard_0.6"] == pytest.approx(whole[1, 1, 1], abs=1e-6)
    assert results["derivative_lvml_1"] == pytest.approx(whole[2, 2, 2], abs=1e-5)
    model.reset_metrics()
    assert model.get_metrics_result() == {}


def test_a_step_is_that_of_sgd_at_each_loss_s_own_rate():
    """Two steps, so that momentum shows: v = 0.9 v - rate dL/dw, w = w + v."""
    segments, targets = random_batch()
    rates = (0.1, 0.2, 0.3)
    network = random_network()
    model = build(network, rates=rates, momentum=0.9)
    for _ in range(2):
        model.train_step((segments, targets))
    for i, rate in enumerate(rates):
        single = FixedFocusClassifiers(
            network, attentions=ATTENTIONS[i : i + 1], alphas=(0.6,), learning_rates=[1.0]
        )
        optimizer = keras.optimizers.SGD(rate, momentum=0.9)
        for _ in range(2):
            with tf.GradientTape() as tape:
                scores = single.scores.of_attention(segments, targets["label"])
                loss = -tf.reduce_mean(scores(tf.constant([[0.6]])))
            variables = single.trainable_variables
            optimizer.apply(tape.gradient(loss, variables), variables)
        got = model.measure(segments, targets["label"])[:, i, 1]
        want = single.measure(segments, targets["label"])[:, 0, 0]
        np.testing.assert_allclose(got, want, atol=1e-6)


def closed_form(attention, a, c, times):
    """mu of PAPER's gradient flow under a held focus; LVML's t(mu) is inverted by bisection."""
    k = c - 1
    if attention == "lvml":
        p, q = a + (1 - a) / c, (1 - a) * k / c

        def time(mu):
            return (p * np.expm1(mu) + (q + p * k) * mu - q * k * np.expm1(-mu)) / a

        return np.array([brentq(lambda mu, t=t: time(mu) - t, 0, 50) for t in times])
    big_t = (a**2 if attention == "soft" else a) * times + 1
    x = big_t / k - wrightomega(big_t / k - np.log(k))
    return x / a if attention == "soft" else x


def test_training_on_orthogonal_data_follows_the_closed_form():
    """Linear networks from zero, small steps on all mosaics at once: mu within 2 % of its range."""
    c, rate, steps = 3, 0.1, 300
    _, info = datasets.load("orthogonal", num_segments=5, num_classes=c, num_examples=2_000)
    source = true_segment_first(info.source)
    batch = source.gather(source.table), {"label": tf.constant(source.labels)}
    model = build(networks("linear", (c + 1,), c)[1], rates=[rate] * 3)
    step = tf.function(lambda: model.train_step(batch), autograph=False)
    measured = []
    for _ in range(steps):
        step()
        measured.append(np.stack([_mu(model, i, c) for i in range(3)]))
    times = rate * np.arange(1, steps + 1)
    for i, attention in enumerate(ATTENTIONS):
        for k, alpha in enumerate(ALPHAS):
            theory = closed_form(attention, alpha, c, times)
            deviation = np.abs(np.stack(measured)[:, i, k] - theory).max()
            assert deviation < 0.02 * theory.max(), (attention, alpha)


def _mu(model, i, c):
    """Logit of the right class over that of a wrong one, mean over classes: (alphas,)."""
    scores = model.scores
    if ATTENTIONS[i] == "soft":
        w = scores.of_averages.stacks[0].numpy()
    else:
        w = scores.of_segments.stacks[0].numpy()[i - 1 :: 2]
    w = w[:, :c]  # (alphas, c, c): logits of the unit vectors
    right = np.trace(w, axis1=1, axis2=2) / c
    return right - (w.sum(axis=(1, 2)) - c * right) / (c * (c - 1))
