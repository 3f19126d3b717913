"""Gradient descent on all examples at once, as many of each class, many steps a call."""

import functools

import numpy as np
import tensorflow as tf

from attention_zoo.models.attention_model import Retraced, trace_key


class FullBatch:
    """Takes a model's own training steps on one batch that never changes.

    The loop over the steps is compiled with them; XLA makes steps of small networks without
    convolutions several times faster, on a CPU too.

    Args:
        model: a built and compiled FocusClassifier.
        inputs: segments (b, m, ...).
        labels: class ids (b,).
        jit_compile: whether XLA compiles the loop.
    """

    def __init__(self, model, inputs, labels, jit_compile=True):
        model.optimizer.build(model.trainable_variables)
        batch = tf.constant(inputs), tf.constant(labels)
        model.test_step(batch)  # makes the metrics' variables

        def step(i):
            model.train_step(batch)
            return i + 1

        def descend(steps):
            tf.while_loop(lambda i: i < steps, step, [tf.constant(0)])

        compiled = functools.partial(tf.function, descend, jit_compile=jit_compile, autograph=False)
        self._descend = Retraced(lambda: trace_key(model), compiled)

    def run(self, steps):
        """Takes so many steps."""
        self._descend(tf.constant(steps))


def balanced(mosaics):
    """Segments (n, m, d), labels (n,) and focus (n,) of mosaics of vectors, as many of each class.

    As many as there are of the rarest; the last dimension of the vectors is no class.

    Raises:
        ValueError: there is none of some class.
    """
    num_classes = mosaics.images.shape[-1] - 1
    counts = np.bincount(mosaics.labels, minlength=num_classes)
    if not counts.all():
        raise ValueError(
            f"num_examples is {len(mosaics.labels)}, expected more: none is of class "
            f"{counts.argmin()}"
        )
    of_class = [np.flatnonzero(mosaics.labels == y) for y in range(num_classes)]
    rows = np.concatenate([those[: counts.min()] for those in of_class])
    return mosaics.gather(mosaics.table[rows]).numpy(), mosaics.labels[rows], mosaics.focus[rows]
