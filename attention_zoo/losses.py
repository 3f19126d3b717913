"""The one loss of all paradigms: the negative class score of the true label."""

import keras
from keras import ops

from attention_zoo import _labels
from attention_zoo._checks import as_number


@keras.saving.register_keras_serializable(package="attention_zoo")
class NegativeLogLikelihood(keras.losses.Loss):
    """Minus the class score of the true label, in nats.

        loss_i = -q_i(y_i),   of probabilities y_i:  loss_i = -sum_k y_i(k) q_i(k)

    Soft, hard and LVML attention differ in how they arrive at q, not in what is
    minimised. For soft and LVML, q is a log-probability, and the loss is the cross-entropy. For
    hard, q is an average of log-likelihoods, sum_j a_j log p_j(y), and exp(q) sums to less than 1
    over the classes; so q is never renormalised: a softmax over it would turn the hard loss into
    another one, whose gradient is not that of the expected log-likelihood.

    A label that names none of the c classes, and probabilities that do not sum to 1, raise: a
    `ValueError` eagerly, TensorFlow's `InvalidArgumentError` as a compiled graph runs. Under XLA
    and JAX, and with PyTorch on a GPU, nothing is raised: there that example's loss is NaN, even
    under a sample weight of 0.

    Args:
        reduction: as in `keras.losses.Loss`; the default is the mean over the batch.
        name: the name of the loss.
        label_smoothing: share e, in [0, 1): y becomes (1 - e) y + e / c, as in Keras.
        dtype: of the computation; None is float32, whatever the dtype policy.

    Call arguments:
        y_true: class ids `(b,)` or `(b, 1)`, or probabilities `(b, c)`: one-hot or soft labels.
        y_pred: class scores q `(b, c)`.
        sample_weight: optional weights `(b,)`.

    Returns:
        The reduced loss, a scalar; with `reduction=None` the losses `(b,)`.

    Reference: arXiv:2307.13421, the losses of soft, hard and LVML attention.
    """

    def __init__(
        self,
        reduction="sum_over_batch_size",
        name="negative_log_likelihood",
        label_smoothing=0.0,
        dtype=None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype or "float32")
        self.label_smoothing = check_smoothing(label_smoothing)

    def call(self, y_true, y_pred):
        y, q = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        if len(q.shape) != 2:
            raise ValueError(f"class scores have shape {tuple(q.shape)}, expected (b, c)")
        _labels.check_shape(y.shape, q.shape[1], q.shape[0])
        known = _labels.refuse_unknown(y, q.shape[1])
        score = smoothed(_labels.expected_score(y, q), q, self.label_smoothing)
        return ops.where(known, -score, float("nan"))

    def get_config(self):
        return super().get_config() | {"label_smoothing": self.label_smoothing}


def smoothed(score, q, label_smoothing):
    """(1 - e) q(y) + e mean_k q(k): the score (...) of smoothed labels, q (..., c)."""
    if label_smoothing == 0.0:
        return score
    return (1.0 - label_smoothing) * score + label_smoothing * ops.mean(q, axis=-1)


def check_smoothing(label_smoothing):
    """The share as a float; ValueError unless it is in [0, 1)."""
    return as_number("label_smoothing", label_smoothing, "in [0, 1)", lambda e: 0.0 <= e < 1.0)
