"""FixedFocusClassifiers: networks in training under a focus that is held, and their drives."""

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from experiments.held_focus.scores import FixedFocusScores

FIGURES = ("loss", "drive", "derivative")


class FixedFocusClassifiers(keras.Model):
    """Trains a classification network for each loss and each alpha, all in one step.

    With L(alpha) = mean of -q as `FixedFocusScores` has q, measured on the network that was trained
    at alpha:

        drive = L(alpha) - L(alpha + step),  derivative = -dL/dalpha

    the drive in nats, the derivative, by automatic differentiation, in nats per unit of attention.
    Attention cannot exceed 1: where alpha + step would, the drive is L(alpha - step) - L(alpha).
    For LVML at alpha = 1 the derivative says little: it is the mean of 1 - mean_j p_j(y) / p_z(y),
    which a few mosaics with p_z(y) near 0 decide, while the drive is bounded there.

    `Loop` trains and evaluates it, on segments (b, m, ...), the true one first, and
    {"label": class ids (b,)}.

    Args:
        network, attentions, alphas: as of `FixedFocusScores`.
        learning_rates: one for each of `attentions`. They weigh the losses in the step, so the
            optimizer's own rate has to be 1: v = momentum v - rate dL/dw, as SGD has it.
        step: of the drive's difference.

    Reference: arXiv:2307.13421, fixed focus.
    """

    def __init__(self, network, *, attentions, alphas, learning_rates, step=0.01):
        super().__init__()
        self.attentions = tuple(attentions)
        self.alphas = np.asarray(alphas, "float64")
        self.scores = FixedFocusScores(network, attentions=self.attentions, alphas=alphas)
        self._rates = np.asarray(learning_rates, "float32")[:, None]
        self._step = step
        self._training_loss = keras.metrics.Mean(name="training_loss")
        self._measured = _Mean((len(FIGURES), len(self.attentions), len(self.alphas)))
        self.built = True

    def train_step(self, data):
        segments, targets = data
        with tf.GradientTape() as tape:
            q = self.scores.of_attention(segments, targets["label"], thrifty=True)(self._alpha())
            losses = -ops.mean(q, axis=-1)  # (losses, alphas)
            objective = ops.sum(self._rates * losses)
        gradients = tape.gradient(objective, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        self._training_loss.update_state(ops.mean(losses))

    def test_step(self, data):
        segments, targets = data
        self._measured.update_state(
            self.measure(segments, targets["label"]), ops.shape(segments)[0]
        )

    def measure(self, segments, label):
        """Loss, drive and derivative, means over a batch: (3, losses, alphas)."""
        scores = self.scores.of_attention(segments, label)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            alpha = self._alpha()
            tape.watch(alpha)
            q = scores(alpha)  # (losses, alphas, b)
            loss = -ops.mean(q, axis=-1)
        way = np.where(self.alphas + self._step > 1.0 + 1e-9, -1.0, 1.0)  # up or, from 1, down
        gain = ops.mean(scores(self._alpha(way * self._step)) - q, axis=-1)
        return ops.stack([loss, way.astype("float32") * gain, -tape.gradient(loss, alpha)])

    def get_metrics_result(self):
        """Since the last reset: "loss" in training; "loss_soft_0.2", "drive_soft_0.2" and so on."""
        results = {}
        if self._training_loss.count > 0:
            results["loss"] = self._training_loss.result()
        if self._measured.count > 0:
            figures = ops.reshape(self._measured.result(), (-1,))
            results |= zip(self.figure_names(), figures, strict=True)
        return results

    def figure_names(self):
        """Names of what `measure` returns, in its order."""
        return [
            f"{figure}_{attention}_{alpha:g}"
            for figure in FIGURES
            for attention in self.attentions
            for alpha in self.alphas
        ]

    def _alpha(self, more=0.0):
        """alpha + more, (losses, alphas)."""
        alphas = (self.alphas + more).astype("float32")
        return tf.constant(np.tile(alphas, (len(self.attentions), 1)))


class _Mean(keras.metrics.Metric):
    """The mean over examples of figures given as means over batches."""

    def __init__(self, shape):
        super().__init__(name="measured", dtype="float32")
        self.total = self.add_variable(shape, "zeros", name="total")
        self.count = self.add_variable((), "zeros", name="count")

    def update_state(self, means, batch_size):
        batch_size = ops.cast(batch_size, self.dtype)
        self.total.assign_add(means * batch_size)
        self.count.assign_add(batch_size)

    def result(self):
        return self.total / self.count
