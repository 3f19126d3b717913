"""The family between LVML and hard, against its formula, its ends and its gradient."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from attention_zoo import layers
from attention_zoo.models import FocusClassifier, networks
from experiments.lock_in import CANDIDATES, BoundedHardAttention, PowerMeanAttention, _record

B, M, C = 6, 4, 3


@pytest.fixture
def case():
    """(logits of every segment (B, M, C), scores (B, M))."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(B, M, C)) * 3, rng.normal(size=(B, M)) * 2


def _scores(attention, case):
    logits, scores = (tf.constant(x, tf.float32) for x in case)
    return attention.class_scores(lambda x: x, logits, scores, training=True)[0]


def _parts(case):
    """(a, p) in float64."""
    logits, scores = case
    a = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    return a, np.exp(logits) / np.exp(logits).sum(2, keepdims=True)


@pytest.mark.parametrize("alpha", [1.0, 0.5, 0.25])
def test_class_scores_are_the_log_of_the_power_mean(alpha, case):
    a, p = _parts(case)
    expected = np.log((a[..., None] * p**alpha).sum(1)) / alpha
    np.testing.assert_allclose(_scores(PowerMeanAttention(alpha), case), expected, rtol=1e-4)


def test_its_ends_are_lvml_and_hard(case):
    lvml, hard = (_scores(layers.get(name), case) for name in ("lvml", "hard"))
    np.testing.assert_allclose(_scores(PowerMeanAttention(1.0), case), lvml, rtol=1e-5)
    # To first order q differs from hard's by alpha times half the variance of log p under a, and
    # log p spans 20 nats at most here.
    np.testing.assert_allclose(_scores(PowerMeanAttention(1e-3), case), hard, atol=0.06)


@pytest.mark.parametrize("alpha", [1.0, 0.5, 0.1])
def test_no_score_is_pushed_down_by_more_than_attention_over_alpha(alpha, case):
    logits, scores = (tf.constant(x, tf.float32) for x in case)
    attention = PowerMeanAttention(alpha)
    with tf.GradientTape() as tape:
        tape.watch(scores)
        q = attention.class_scores(lambda x: x, logits, scores, training=True)[0][:, 0]
    gradient = tape.gradient(q, scores).numpy()
    a, p = _parts(case)
    powers = a * p[..., 0] ** alpha
    expected = (powers / powers.sum(1, keepdims=True) - a) / alpha
    np.testing.assert_allclose(gradient, expected, rtol=1e-3, atol=1e-5)
    assert (gradient >= -a / alpha - 1e-5).all()


def test_alpha_follows_its_schedule_by_the_step(case):
    schedule = keras.optimizers.schedules.PolynomialDecay(1.0, 10, 0.5)
    attention = PowerMeanAttention(schedule)
    for alpha in (1.0, 0.95, 0.9):
        expected = _scores(PowerMeanAttention(alpha), case)
        np.testing.assert_allclose(_scores(attention, case), expected, rtol=1e-5)
    again = PowerMeanAttention.from_config(attention.get_config())
    assert again.alpha(5) == schedule(5)


def test_a_model_is_trained_and_goes_on_at_its_alpha(tmp_path):
    schedule = keras.optimizers.schedules.PolynomialDecay(1.0, 10, 0.5)
    model = FocusClassifier(*networks("linear", (3,), C), PowerMeanAttention(schedule))
    model.compile("sgd")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(48, M, 3)).astype("float32"), rng.integers(C, size=48)
    model.fit(x, {"label": y}, batch_size=16, verbose=0)  # three steps
    model.predict(x, verbose=0)
    model.save(tmp_path / "model.keras")
    attention = keras.saving.load_model(tmp_path / "model.keras").attention
    assert int(attention.step) == 3 and attention.alpha(3) == schedule(3)


def test_no_log_likelihood_counts_below_twice_the_loss_of_chance(case):
    a, p = _parts(case)
    expected = (a[..., None] * np.maximum(np.log(p), -2 * np.log(C))).sum(1)
    np.testing.assert_allclose(_scores(BoundedHardAttention(), case), expected, rtol=1e-5)


def test_every_candidate_has_settings_that_its_trainer_takes():
    for name in CANDIDATES:
        assert _record({"epochs": 15}, name, seed=0)["epochs"] == 15
