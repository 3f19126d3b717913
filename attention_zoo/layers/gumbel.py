"""Gumbel-softmax attention: classify a (relaxed) sample of the segments."""

import keras

from attention_zoo import ops
from attention_zoo._checks import as_number
from attention_zoo.layers.masks import masked
from attention_zoo.layers.registry import attention
from attention_zoo.layers.sampling import SamplingAttention


@attention("gumbel")
class GumbelAttention(SamplingAttention):
    """Averages the segments with a sample of the attention, then classifies once.

        w = softmax((log a + Gumbel noise) / temperature),  q(y) = log softmax(g(sum_j w_j x_j))_y

    With `straight_through`, the forward value of w is exactly its one-hot argmax (a sample of a)
    and only the gradient is w's: a biased, low-variance gradient for the hard loss. Without it w
    itself is used. Outside training the argmax of a is taken.

    Args:
        temperature: a positive float, or a `keras.optimizers.schedules.LearningRateSchedule` of
            the number of training calls so far, which is saved with the layer.
        straight_through: bool.
        normalizer, seed: as in `SamplingAttention`.

    References: Jang, Gu and Poole, arXiv:1611.01144; Maddison, Mnih and Teh, arXiv:1611.00712.
    """

    def __init__(self, temperature=1.0, straight_through=True, **kwargs):
        super().__init__(**kwargs)
        if isinstance(temperature, dict):
            temperature = keras.saving.deserialize_keras_object(temperature)
        if not callable(temperature):
            temperature = as_number("temperature", temperature, "above 0", lambda x: x > 0.0)
        self.temperature = temperature
        self.straight_through = straight_through
        self.step = self.add_weight(
            shape=(),
            dtype="int32",
            initializer="zeros",
            trainable=False,
            autocast=False,
            # Every replica counts for itself: within a loop of the graph (a caption's words)
            # replicas cannot meet, and they count alike.
            aggregation="none",
            name="step",
        )

    def class_scores(self, classify, segments, scores, mask=None, training=None):
        segments, mask = masked(segments, scores, mask)
        context = ops.average(segments, self._weights(scores, mask, training))  # (b, ...)
        return ops.log_likelihoods(classify(context)), self.attend(scores, mask)

    def call(self, values, scores, mask=None, training=None):
        values, mask = masked(values, scores, mask)
        w = self._weights(scores, mask, training)
        return ops.average(values, w), w

    def _weights(self, scores, mask, training):
        """w (b, m): a sample in training, else the most attended segment."""
        if training:
            return self._sample(scores, mask)
        return ops.one_hot_argmax(self.attend(scores, mask), where=mask)

    def _sample(self, scores, mask):
        support = self.attend(scores, mask) != 0.0  # (b, m); a NaN stays in
        logits = self.perturbed(self.log_attend(scores, mask))[:, 0]  # (b, m)
        relaxed = ops.softmax(logits / self._current_temperature(), support)
        if not self.straight_through:
            return relaxed
        return ops.straight_through(ops.one_hot_argmax(relaxed, where=support), relaxed)

    def _current_temperature(self):
        if not callable(self.temperature):
            return self.temperature
        temperature = self.temperature(self.step.value)
        self.step.assign_add(1)
        return temperature

    def get_config(self):
        temperature = self.temperature
        if callable(temperature):
            temperature = keras.saving.serialize_keras_object(temperature)
        return super().get_config() | {
            "temperature": temperature,
            "straight_through": self.straight_through,
        }
