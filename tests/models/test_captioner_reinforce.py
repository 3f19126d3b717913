"""REINFORCE over captions: its mean gradient against enumeration of every choice of regions."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from attention_zoo import layers
from attention_zoo.models.captioning.reinforce import score_function_term

COUNT = 20_000
WORDS, TARGETS = np.array([2, 4, 7]), np.array([4, 7, 3])


def gradients(model, x):
    """COUNT estimates of the gradient of one caption's loss for its features (r, d)."""
    features = tf.tile(tf.constant(x)[None], (COUNT, 1, 1))
    inputs = {"features": features, "words": np.tile(WORDS, (COUNT, 1))}
    targets = np.tile(TARGETS, (COUNT, 1))
    with tf.GradientTape() as tape:
        tape.watch(features)
        loss = model.compute_loss(inputs, targets, model(inputs, training=True))
        loss *= targets.size  # the sum over captions and words
    return tape.gradient(loss, features).numpy().astype("float64")


@pytest.mark.parametrize(
    ("baseline", "num_samples"),
    [("none", 1), ("moving_average", 1), ("leave_one_out", 2), ("self_critical", 1)],
)
def test_mean_gradient_is_that_of_the_expected_loss(
    captioner, numpy_captioner, central_differences, baseline, num_samples
):
    model = captioner(layers.ReinforceAttention(baseline, num_samples, decay=0.0, seed=0))
    model.compile("sgd")
    model.attention.observe([-2.0])  # where a long training would have brought it
    x = np.random.default_rng(5).normal(size=(3, 5)).astype("float32")
    oracle = numpy_captioner(model)
    exact = central_differences(lambda x: oracle.expected_loss(x, WORDS, TARGETS), x)
    samples = gradients(model, x)
    standard_error = samples.std(axis=0) / np.sqrt(COUNT) + 1e-6
    z = (samples.mean(axis=0) - exact) / standard_error
    # 15 numbers in each of 4 cases: the largest of 60 normal ones is about 2.5.
    assert np.abs(z).max() < 3.7
    assert standard_error.max() < 0.2 * np.abs(exact).max()  # the test can tell


@pytest.mark.parametrize("weights", [(1.0, 1.0), (0.0, 1.0), (1.0, 0.0), (0.5, 2.0)])
@pytest.mark.parametrize("baseline", ["none", "moving_average", "self_critical"])
def test_mean_gradient_is_that_of_the_weighted_loss(
    captioner, numpy_captioner, central_differences, baseline, weights
):
    """The estimates of every choice, each with its probability: no sampling."""
    model = captioner(layers.ReinforceAttention(baseline, decay=0.0))
    model.compile("sgd")
    model.attention.observe([-2.0])
    x, words = np.random.default_rng(5).normal(size=(3, 5)).astype("float32"), WORDS[:2]
    choices = list(itertools.product(range(3), repeat=2))
    drawn = iter(np.transpose(choices))  # of the first word, of the second
    model.attention.perturbed = lambda log_a: tf.one_hot(next(drawn), 3)[:, None]
    features = tf.tile(tf.constant(x)[None], (9, 1, 1))
    inputs = {"features": features, "words": np.tile(words, (9, 1))}
    targets, w = (np.tile(row, (9, 1)) for row in (TARGETS[:2], np.float32(weights)))
    with tf.GradientTape() as tape:
        tape.watch(features)
        loss = model.compute_loss(inputs, targets, model(inputs, training=True), w)
        loss *= w.sum()  # the sum over captions and words
    oracle = numpy_captioner(model)
    exact = central_differences(
        lambda x: oracle.expected_loss(x, words, TARGETS[:2], np.array(weights)), x
    )
    probability = np.exp([log_a.sum() for _, log_a in oracle.every_choice(x, words)])
    mean = np.einsum("i,ird->rd", probability, tape.gradient(loss, features))
    np.testing.assert_allclose(mean, exact, atol=1e-4)
    assert np.abs(exact).max() > 0.05  # the test can tell


def test_a_choice_is_judged_by_all_words_from_it_on():
    """A_t = sum of what follows, here w (log p + 1) a word, by hand."""
    attention = layers.ReinforceAttention(decay=0.0)
    attention.observe([-1.0])
    log_p = tf.constant([[[-1.0, -3.0, -2.0, -9.0]]])
    choice = tf.constant([[[-0.5, -0.5, -0.5, -0.5]]])
    for weights, expected in (
        ([[1.0, 1.0, 1.0, 0.0]], [-6.0 + 3.0, -5.0 + 2.0, -2.0 + 1.0, 0.0]),
        ([[0.5, 0.0, 2.0, 0.0]], [-4.5 + 2.5, -4.0 + 2.0, -4.0 + 2.0, 0.0]),
    ):
        with tf.GradientTape() as tape:
            tape.watch(choice)
            term = score_function_term(attention, log_p, choice, None, np.float32(weights))
        np.testing.assert_array_equal(term, 0.0)
        np.testing.assert_allclose(tape.gradient(term, choice), [[expected]])


def test_moving_average_is_of_log_likelihood_a_word(captioner, captions):
    inputs, targets = captions
    model = captioner(layers.ReinforceAttention(decay=0.75, seed=0))
    model.compile("sgd", run_eagerly=True)
    loss = model.train_on_batch(inputs, targets)[0]
    np.testing.assert_allclose(model.attention.moving_average, -0.25 * loss, rtol=1e-5)
    model.test_on_batch(inputs, targets)  # tells nothing
    np.testing.assert_allclose(model.attention.moving_average, -0.25 * loss, rtol=1e-5)


def test_entropy_bonus_adds_the_entropys_gradient(captioner, captions, central_differences):
    """The mean entropy of a over the words that are there, with the samples' own states."""
    inputs, targets = captions
    there = targets["words"] != 0
    results, entropies = [], []
    for bonus in (0.0, 0.5):
        model = captioner(layers.ReinforceAttention(entropy_bonus=bonus, seed=4))
        model.compile("sgd")
        with tf.GradientTape(persistent=True) as tape:
            outputs = model(inputs, training=True)
            loss = model.compute_loss(inputs, targets, outputs)
            a = outputs["focus"]
            entropy = -tf.reduce_sum(a * tf.math.log(a), axis=-1)
            entropy = tf.reduce_mean(entropy[there])
        kernel = model.decoder.scores.score.kernel
        results.append((loss, tape.gradient(loss, kernel.value)))
        entropies.append(tape.gradient(entropy, kernel.value))
    (loss, plain), (with_bonus_loss, with_bonus) = results
    np.testing.assert_allclose(with_bonus_loss, loss, rtol=1e-5)
    np.testing.assert_allclose(with_bonus, plain - 0.5 * entropies[0], atol=1e-5)
