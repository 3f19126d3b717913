"""The one loss of all paradigms: the negative class score of the true label."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="attention_zoo")
class NegativeLogLikelihood(keras.losses.Loss):
    """Minus the class score of the true label, in nats.

        loss_i = -q_i(y_i)

    Soft, hard and LVML attention differ in how they arrive at q, not in what is
    minimised. For soft and LVML, q is a log-probability. For hard, q is an average of
    log-likelihoods, sum_j a_j log p_j(y), and exp(q) sums to less than 1 over the classes;
    so q is never renormalised: a softmax over it would turn the hard loss into another
    one, whose gradient is not that of the expected log-likelihood.

    A label that names none of the c classes raises a `ValueError` where values can be seen
    (eagerly). In a compiled graph, where nothing can be raised, that example's loss is
    NaN, even under a sample weight of 0.

    Args:
        reduction: as in `keras.losses.Loss`; the default is the mean over the batch.
        name: the name of the loss.
        dtype: of the computation; None is float32, whatever the dtype policy.

    Call arguments:
        y_true: class ids `(b,)` or `(b, 1)`.
        y_pred: class scores q `(b, c)`.
        sample_weight: optional weights `(b,)`.

    Returns:
        The reduced loss, a scalar; with `reduction=None` the losses `(b,)`.

    Reference: arXiv:2307.13421, the losses of soft, hard and LVML attention.
    """

    def __init__(self, reduction="sum_over_batch_size", name="negative_log_likelihood", dtype=None):
        super().__init__(name=name, reduction=reduction, dtype=dtype or "float32")

    def call(self, y_true, y_pred):
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        _check_shapes(y_true.shape, y_pred.shape)
        labels = ops.reshape(y_true, (ops.shape(y_pred)[0], 1))  # (b, 1)
        hit = ops.equal(labels, ops.arange(y_pred.shape[-1], dtype=self.dtype))  # (b, c)
        known = ops.any(hit, axis=-1)
        _raise_if_visible(labels, known, y_pred.shape[-1])
        score = ops.sum(ops.where(hit, y_pred, 0.0), axis=-1)
        return ops.where(known, -score, float("nan"))


def _check_shapes(true, pred):
    labels_fit = len(true) == 1 or (len(true) == 2 and true[1] == 1)
    if len(pred) != 2 or not labels_fit or None not in (true[0], pred[0]) and true[0] != pred[0]:
        raise ValueError(
            f"y_true has shape {tuple(true)}, y_pred has shape {tuple(pred)}, "
            "expected class ids (b,) or (b, 1) and class scores (b, c)"
        )


def _raise_if_visible(labels, known, num_classes):
    """Raises for the first label that is not `known`, unless the values are symbolic."""
    try:
        all_known = bool(ops.all(known))
    except TypeError:  # what a symbolic truth value raises
        return
    if not all_known:
        row = int(ops.argmin(known))
        raise ValueError(
            f"y_true has label {float(labels[row, 0]):g} at row {row}, "
            f"expected 0 to {num_classes - 1}: y_pred scores {num_classes} classes"
        )
