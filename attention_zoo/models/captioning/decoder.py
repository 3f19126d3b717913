"""The recurrent decoder of captions: which regions each word sees, and what it reads there."""

from typing import Any, NamedTuple

import keras
from keras import ops as kops

from attention_zoo.models.captioning.additive_scores import AdditiveScores
from attention_zoo.models.captioning.attention import weights


class Regions(NamedTuple):
    """What does not change from word to word: features (b, r, d), projected (b, r, units)."""

    features: Any
    projected: Any


class Roll(NamedTuple):
    """A recurrence over n words.

    states: (b, n, u), the LSTM's output, which the next word is read from.
    scores: (b, n, r), of the regions.
    weights: (b, n, r), with which the regions made the context that entered the LSTM.
    """

    states: Any
    scores: Any
    weights: Any


@keras.saving.register_keras_serializable(package="attention_zoo")
class CaptionDecoder(keras.layers.Layer):
    """An LSTM that looks at an image's regions before every word.

        s = scores(x, h'),  z = attention's average of x by s,  h, c = LSTM([E w, z], h', c')
        logits = W_o(E w + L_h h + L_z z) + b_o

    h', c' are the state before the word w; at first h', c' = tanh(W_i mean_j x_j + b_i). The parts
    that need no state (W x_j, the embedded words and what the LSTM makes of them, the vocabulary)
    are products over all words at once, outside the recurrence.

    Args:
        num_words: v, size of the vocabulary.
        units: u, of the LSTM.
        embedding_dim: e, of embedded words and of the layer before the vocabulary.
        attention_units: of `AdditiveScores`.
        dropout: share of the embedded words' and of the states' numbers that are dropped where the
            logits are made of them; the words' also where the LSTM reads them.

    Reference: Xu et al., Show, Attend and Tell, arXiv:1502.03044.
    """

    def __init__(
        self, num_words, units=512, embedding_dim=512, attention_units=256, dropout=0.0, **kwargs
    ):
        super().__init__(**kwargs)
        self.num_words = num_words
        self.units = units
        self.embedding_dim = embedding_dim
        self.embedding = keras.layers.Embedding(num_words, embedding_dim, name="embedding")
        self.scores = AdditiveScores(attention_units, name="scores")
        self.first_state = keras.layers.Dense(2 * units, activation="tanh", name="first_state")
        # The LSTM's kernel in three parts; gates in the order input, forget, candidate, output.
        gates = 4 * units
        self.of_word = keras.layers.Dense(gates, bias_initializer=_remember, name="of_word")
        self.of_context = keras.layers.Dense(gates, use_bias=False, name="of_context")
        self.of_state = keras.layers.Dense(
            gates, use_bias=False, kernel_initializer=_orthogonal(), name="of_state"
        )
        self.read_state = keras.layers.Dense(embedding_dim, use_bias=False, name="read_state")
        self.read_context = keras.layers.Dense(embedding_dim, use_bias=False, name="read_context")
        self.vocabulary = keras.layers.Dense(num_words, name="vocabulary")
        self.drop_words = keras.layers.Dropout(dropout, name="drop_words")
        self.drop_states = keras.layers.Dropout(dropout, name="drop_states")

    def build(self, features_shape):
        d, u, e = features_shape[-1], self.units, self.embedding_dim
        self.embedding.build((None, None))
        self.scores.build((None, None, d), (None, u))
        for layer, size in (
            (self.first_state, d),
            (self.of_word, e),
            (self.of_context, d),
            (self.of_state, u),
            (self.read_state, u),
            (self.read_context, d),
            (self.vocabulary, e),
        ):
            layer.build((None, size))
        self.built = True

    def look(self, features):
        """What all words share: features (b, r, d) -> Regions."""
        return Regions(features, self.scores.project(features))

    def start(self, features):
        """The state (h, c) before the first word, each (b, u)."""
        return tuple(kops.split(self.first_state(kops.mean(features, axis=1)), 2, axis=-1))

    def embed(self, words, training=None):
        """Words, int (b, n) -> (b, n, e)."""
        return self.drop_words(self.embedding(words), training=training)

    def step(self, regions, attention, gates, state, training=None):
        """Takes one word of k captions of each image.

        Args:
            regions: `Regions` of b images.
            attention: attention layer.
            gates: `of_word` of the words, (b * k, 4 u).
            state: (h, c) before the word, (b * k, u) each.
            training: bool.

        Returns:
            The state after it, the scores (b * k, r), and the weights (b * k, r) of the regions.
        """
        h, c = state
        scores = self.scores.compare(regions.projected, h)
        w = weights(attention, scores, training)
        context = self._average(w, regions.features)
        gates = gates + self.of_context(context) + self.of_state(h)
        enter, keep, candidate, leave = kops.split(gates, 4, axis=-1)
        c = kops.sigmoid(keep) * c + kops.sigmoid(enter) * kops.tanh(candidate)
        return (kops.sigmoid(leave) * kops.tanh(c), c), scores, w

    def _average(self, w, features):
        """Weights (b * k, r), features (b, r, d) -> contexts (b * k, d)."""
        b, r, d = kops.shape(features)
        w = kops.cast(kops.reshape(w, (b, -1, r)), features.dtype)
        return kops.reshape(kops.matmul(w, features), (-1, d))

    def roll(self, regions, embedded, attention, training=None):
        """Takes all words, one after the other: embedded (b, n, e) -> Roll."""
        gates = kops.transpose(self.of_word(embedded), (1, 0, 2))  # (n, b, 4 u)
        state = self.start(regions.features)

        def step(before, gates):
            state, scores, w = self.step(regions, attention, gates, before[:2], training)
            after = (*state, scores, w)
            return after, after

        nothing = kops.zeros_like(regions.projected[..., 0], dtype="float32")  # (b, r)
        steps = _scan(step, (*state, nothing, nothing), gates)
        h, _, scores, w = (kops.swapaxes(x, 0, 1) for x in steps)
        return Roll(h, scores, w)

    def before_context(self, embedded, states, training=None):
        """E w + L_h h, to which L_z z comes: (b, n, e)."""
        return embedded + self.read_state(self.drop_states(states, training=training))

    def get_config(self):
        return super().get_config() | {
            "num_words": self.num_words,
            "units": self.units,
            "embedding_dim": self.embedding_dim,
            "attention_units": self.scores.units,
            "dropout": self.drop_words.rate,
        }


def _orthogonal():
    """Keras's orthogonal initializer, in every dtype: bfloat16 has no QR decomposition."""
    initializer = keras.initializers.OrthogonalInitializer()
    return lambda shape, dtype=None: kops.cast(initializer(shape, "float32"), dtype or "float32")


def _remember(shape, dtype=None):
    """Biases of the gates: 1 for the forget gate, which begins open, else 0."""
    units = shape[0] // 4
    return kops.cast((kops.arange(shape[0]) // units) == 1, dtype or "float32")


def _scan(step, first, inputs):
    """The carries after every step, stacked; a loop in Python where the number is known.

    Unrolled it is faster by a third or more, forwards and backwards (benchmarks/captions_step.py),
    and XLA can differentiate it.
    """
    if inputs.shape[0] is None:
        return kops.scan(step, first, inputs)[1]
    carries, carry = [], first
    for one in kops.unstack(inputs, inputs.shape[0]):
        carry, _ = step(carry, one)
        carries.append(carry)
    return [kops.stack(parts) for parts in zip(*carries, strict=True)]
