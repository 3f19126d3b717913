"""The abstract attention layer: one normaliser, one average, one hook."""

import keras

from attention_zoo import ops


class Attention(keras.layers.Layer):
    """Chooses among segments; a variant says what is averaged.

    `layer(values, scores)` gives the weighted average of any values, and the weights:

        a = normalizer(s),  average = sum_j a_j v_j

    `layer.class_scores(classify, segments, scores)` is what the variants differ in: how class
    scores q arise from a network that reads one segment. The loss of every variant is -q(y).

    Scores, weights and log-likelihoods are float32 under every dtype policy. A row whose mask is
    all False gets weights 0 and average 0.

    Args:
        normalizer: "softmax", "sparsemax", "entmax15", "spherical_softmax", or a callable
            `(scores, mask) -> weights` registered with Keras.

    Call arguments:
        values: (b, m, ...).
        scores: (b, m).
        mask: bool (b, m), True for the segments that are there.

    Returns:
        The average (b, ...) in the values' dtype, and the weights it was made with,
        float32 (b, m).

    Reference: arXiv:2307.13421.
    """

    inference = "argmax"  # the way to predict that FocusClassifier's "auto" takes

    def __init__(self, normalizer="softmax", **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.normalizer = ops.get_normalizer(normalizer)
        self.supports_masking = True

    def build(self, values_shape=None, scores_shape=None):
        self.built = True

    def class_scores(self, classify, segments, scores, mask=None, training=None):
        """Class scores of the paradigm, and the attention they rest on.

        Args:
            classify: callable, a batch of single segments (n, ...) -> logits (n, c).
            segments: (b, m, ...).
            scores: (b, m).
            mask: bool (b, m) or None.
            training: bool; samplers draw in training and take the argmax otherwise.

        Returns:
            q (b, c) in nats and a (b, m), both float32. a is the attention itself, also where q
            was made from samples of it.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define class_scores")

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

    def attend(self, scores, mask=None):
        """a = normalizer(s): scores (b, m), mask bool (b, m) -> float32 (b, m)."""
        return self.normalizer(scores, mask)

    def log_attend(self, scores, mask=None):
        """log a, float32 (b, m); a large negative number where a = 0."""
        return ops.log_weights(self.normalizer, scores, mask)

    def call(self, values, scores, mask=None, training=None):
        check_shapes(values, scores, mask)
        a = self.attend(scores, mask)
        return ops.average(values, a), a

    def compute_mask(self, *args, **kwargs):
        return None

    def get_config(self):
        return super().get_config() | {"normalizer": ops.serialize_normalizer(self.normalizer)}


def check_shapes(segments, scores, mask=None):
    """Raises ValueError unless segments (b, m, ...), scores (b, m) and mask (b, m) agree."""
    if len(segments.shape) < 2:
        raise ValueError(
            f"segments have shape {tuple(segments.shape)}, expected (batch, segments, ...)"
        )
    for name, x in (("scores", scores), ("mask", mask)):
        if x is not None and not _agree(x.shape, segments.shape[:2]):
            raise ValueError(
                f"{name} has shape {tuple(x.shape)}, expected {tuple(segments.shape[:2])}: "
                f"the segments have shape {tuple(segments.shape)}"
            )


def _agree(shape, expected):
    """Equal rank, and equal sizes where both are known."""
    return len(shape) == len(expected) and all(
        x is None or y is None or x == y for x, y in zip(shape, expected, strict=True)
    )
