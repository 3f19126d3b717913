"""The abstract attention layer: one normaliser, one average, one hook."""

import keras

from attention_zoo import ops
from attention_zoo._checks import as_number
from attention_zoo.layers.masks import check_shapes, masked


@keras.saving.register_keras_serializable(package="attention_zoo")
class Attention(keras.layers.Layer):
    """Chooses among segments; a variant says what is averaged.

    `layer(values, scores)` gives the weighted average of any values, and the weights:

        a = normalizer(s),  average = sum_j a_j v_j

    `layer.class_scores(classify, segments, scores)` is what the variants differ in: how class
    scores q arise from a network that reads one segment. The loss of every variant is -q(y). A
    model that only calls the layer is trained as soft attention, whatever the variant; samplers
    average a sample.

    Scores, weights and log-likelihoods are float32 under every dtype policy and floatx. A row
    whose mask is all False gets weights 0 and average 0.

    What stands in masked places does not count, whatever it is: it is read as zeros.

    Args:
        normalizer: "softmax", "sparsemax", "entmax15", "spherical_softmax", or a callable
            `(scores, mask) -> weights` registered with Keras.
        entropy_penalty: times the entropy of the weights, in nats, mean over the batch, a
            FocusClassifier adds to its loss in training: attention grows peaked sooner. 0 or more.

    Call arguments:
        values: (b, m, ...).
        scores: (b, m).
        mask: bool (b, m), True for the segments that are there. It holds together with the masks
            that Keras keeps with values and scores.

    Returns:
        The average (b, ...) in the values' dtype, and the weights it was made with,
        float32 (b, m).

    References: arXiv:2307.13421; entropy penalty: arXiv:2212.14776.
    """

    inference = "argmax"  # the way to predict that FocusClassifier's "auto" takes

    def __init__(self, normalizer="softmax", entropy_penalty=0.0, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.normalizer = ops.get_normalizer(normalizer)
        self.entropy_penalty = as_number(
            "entropy_penalty", entropy_penalty, "of 0 or more", lambda x: x >= 0.0
        )
        self.supports_masking = True

    def build(self, values_shape=None, scores_shape=None):
        self.built = True

    def class_scores(self, classify, segments, scores, mask=None, training=None):
        """Class scores of the paradigm, and the attention they rest on.

        Args:
            classify: callable, a batch of single segments (n, ...) -> logits (n, c).
            segments: (b, m, ...).
            scores: (b, m).
            mask: bool (b, m) or None, as of a call. Under a FocusClassifier masked segments are
                zeros, and `classify` knows the mask of these very segments (`ops.aware_of_mask`):
                only the attention, `attend`, has to be told. For calls from elsewhere the variants
                of the package begin with `layers.masks.masked`, and give the mask to
                `ops.map_segments` too.
            training: bool; samplers draw in training and take the argmax otherwise.

        Returns:
            q (b, c) in nats and a (b, m), both float32. a is the attention itself, also where q
            was made from samples of it.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define class_scores")

    def parts(self):  # no property: Keras would save what it finds there
        """This layer, and those that it is made of."""
        return (self,)

    def of_phase(self):
        """The attention that acts now: this one; of a hybrid that whose phase it is."""
        return self

    @property
    def trace_key(self):
        """Where it changes, graphs traced before no longer hold; here it never does."""
        return None

    @property
    def observes(self):
        """Whether `observe` keeps anything; only then does a model tell it."""
        return type(self).observe is not Attention.observe

    def observe(self, log_likelihood):
        """Told the true labels' log-likelihood (b,) of a training batch; keeps nothing here."""

    def check_callbacks(self, callbacks):
        """Told the callbacks of a training that begins; warns if one is missing. None is here."""

    def attend(self, scores, mask=None):
        """a = normalizer(s): scores (b, m), mask bool (b, m) -> float32 (b, m)."""
        return self.normalizer(ops.zero_masked(scores, mask), mask)

    def log_attend(self, scores, mask=None):
        """log a, float32 (b, m); a large negative number where a = 0."""
        return ops.log_weights(self.normalizer, ops.zero_masked(scores, mask), mask)

    def call(self, values, scores, mask=None, training=None):
        values, mask = masked(values, scores, mask)
        a = self.attend(scores, mask)
        return ops.average(values, a), a

    def compute_mask(self, *args, **kwargs):
        return None

    def compute_output_shape(self, values_shape, scores_shape):
        b, m, *value_shape = values_shape
        return (b, *value_shape), (b, m)

    def compute_output_spec(self, values, scores, mask=None, training=None):
        check_shapes(values, scores, mask)
        average, weights = self.compute_output_shape(values.shape, scores.shape)
        return (
            keras.KerasTensor(average, dtype=ops.average_dtype(values)),
            keras.KerasTensor(weights, dtype="float32"),
        )

    def get_config(self):
        penalty = {"entropy_penalty": self.entropy_penalty} if self.entropy_penalty else {}
        own = {"normalizer": ops.serialize_normalizer(self.normalizer)} | penalty
        return super().get_config() | own
