"""The products of the vocabulary against the sums over regions and words that they stand for."""

import numpy as np
import tensorflow as tf

from attention_zoo.models.captioning.scores import (
    Split,
    as_region_logits,
    expected_log_likelihood,
    log_marginal,
    log_normalizers,
)


def test_products_of_the_vocabulary_are_the_sums_they_stand_for():
    rng = np.random.default_rng(0)
    base, of_region = 15 * rng.normal(size=(2, 4, 50)), 15 * rng.normal(size=(2, 3, 50))
    a = rng.dirichlet(np.ones(3), size=(2, 4))
    logits = base[:, :, None] + of_region[:, None]  # (b, n, r, v)
    log_z = np.log(np.exp(logits).sum(axis=-1))
    split = Split(tf.constant(base, "float32"), as_region_logits(of_region))
    np.testing.assert_allclose(log_normalizers(split), log_z, atol=1e-4)
    log_p = logits - log_z[..., None]
    a = a.astype("float32")
    marginal = np.log(np.einsum("bnr,bnrv->bnv", a, np.exp(log_p)))
    np.testing.assert_allclose(log_marginal(split, np.log(a)), marginal, atol=1e-4)
    expected = np.einsum("bnr,bnrv->bnv", a, log_p)
    np.testing.assert_allclose(expected_log_likelihood(split, a), expected, atol=1e-4)


def test_words_far_below_both_maxima_have_their_gradient():
    """Base and U are each 200 nats higher at another word than at the one that is likely."""
    base = np.array([[[0.0, 200.0, 300.0]], [[0.0, 1.0, 2.0]]])
    of_region = np.array([[[300.0, 200.0, 0.0]], [[400.0, 200.0, 0.0]]]) - [[[0.0]], [[100.0]]]
    variables = [tf.Variable(x, dtype="float32") for x in (base, of_region)]
    with tf.GradientTape() as tape:
        split = Split(variables[0], as_region_logits(variables[1]))
        q = log_marginal(split, np.zeros((2, 1, 1), "float32"))
        loss = tf.reduce_sum(q[:, :, 2])
    logits = base + of_region
    p = np.exp(logits - np.log(np.exp(logits - 400).sum(axis=-1, keepdims=True)) - 400)
    np.testing.assert_allclose(np.exp(q), p, atol=1e-5)
    for gradient in tape.gradient(loss, variables):
        np.testing.assert_allclose(gradient, [0, 0, 1] - p, atol=1e-5)
