"""A training step of collapse.py that measures what it does."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops as kops


def compiled(model, entropy_bonus=0.0):
    """(segments, targets) -> figures, after an update; segments -> what the scores are made of."""
    focus = model.focus.trainable_variables
    dense = [layer for layer in model.focus.layers if isinstance(layer, keras.layers.Dense)]
    features_of = keras.Model(model.focus.inputs, dense[-1].input)
    previous = [tf.Variable(tf.zeros(variable.shape)) for variable in focus]
    model.optimizer.build(model.trainable_variables)

    @tf.function(autograph=False)
    def step(segments, targets):
        with tf.GradientTape() as tape:
            outputs = model(segments, training=True)
            loss = model.compute_loss(segments, targets, outputs)
            entropy = _entropy(outputs["focus"])
            total = loss - entropy_bonus * entropy
        gradients = tape.gradient(total, [v.value for v in model.trainable_variables])
        own = {id(variable) for variable in focus}
        pairs = list(zip(gradients, model.trainable_variables, strict=True))
        of_focus = [gradient for gradient, variable in pairs if id(variable) in own]
        rest = [gradient for gradient, variable in pairs if id(variable) not in own]
        before = [tf.identity(variable.value) for variable in focus]
        model.optimizer.apply(gradients, model.trainable_variables)
        change = [variable.value - old for variable, old in zip(focus, before, strict=True)]
        count = sum(np.prod(variable.shape) for variable in focus)
        figures = {
            "loss": loss,
            "entropy": entropy,
            "focus_accuracy": _share_equal(kops.argmax(outputs["focus"], 1), targets["focus"]),
            "accuracy": _share_equal(kops.argmax(outputs["label"], 1), targets["label"]),
            "focus_gradient": tf.linalg.global_norm(of_focus),
            "classifier_gradient": tf.linalg.global_norm(rest),
            "gradient_cosine": _cosine(of_focus, previous),
            "focus_step": tf.linalg.global_norm(change) / np.sqrt(count),
        }
        for variable, gradient in zip(previous, of_focus, strict=True):
            variable.assign(gradient)
        return figures

    @tf.function(autograph=False)
    def look(segments):
        b, m, *shape = segments.shape
        features = features_of(tf.reshape(segments, (b * m, *shape)))
        scores = model.scores(segments)
        return {
            "score_max": tf.reduce_max(tf.abs(scores)),
            "score_range": tf.reduce_mean(kops.max(scores, 1) - kops.min(scores, 1)),
            "features": tf.sqrt(tf.reduce_mean(features**2)),
            "alive": tf.reduce_mean(tf.cast(kops.any(features > 0, axis=0), tf.float32)),
            "last_kernel": tf.norm(dense[-1].kernel.value),
        }

    return step, look


def _entropy(a):
    return -tf.reduce_mean(tf.reduce_sum(tf.math.xlogy(a, tf.maximum(a, 1e-30)), axis=-1))


def _share_equal(found, true):
    return tf.reduce_mean(tf.cast(tf.equal(tf.cast(found, true.dtype), true), tf.float32))


def _cosine(gradients, others):
    product = sum(tf.reduce_sum(one * other) for one, other in zip(gradients, others, strict=True))
    norms = tf.linalg.global_norm(gradients) * tf.linalg.global_norm(others)
    return tf.math.divide_no_nan(product, norms)
