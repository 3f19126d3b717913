"""Keras's metrics for a model that gives class scores q: each gets what it is made for."""

import keras
from keras import ops

from attention_zoo import _labels
from attention_zoo.losses import check_smoothing, smoothed
from attention_zoo.models.keras_losses import made_by_keras

_K = keras.metrics
_CROSS_ENTROPIES = (_K.SparseCategoricalCrossentropy, _K.CategoricalCrossentropy)


def class_score_metrics(metrics):
    """A metric, a list or a dict of them, as in `keras.Model.compile`, each as it applies to q."""
    if isinstance(metrics, list | tuple):
        return [class_score_metric(one) for one in metrics]
    if isinstance(metrics, dict) and "class_name" not in metrics:  # which a saved metric has
        return {name: class_score_metrics(some) for name, some in metrics.items()}
    return None if metrics is None else class_score_metric(metrics)


def class_score_metric(metric):
    """The metric that applies to q; one of the user's own gets labels and q as they are.

    Raises:
        ValueError: a metric of Keras that wants predicted ids or logits.
    """
    found, name = _found(metric)
    if not _is_of_keras(found):
        return metric
    if isinstance(found, _CROSS_ENTROPIES):
        return CrossEntropy(getattr(found, "label_smoothing", 0.0), name=name)
    return OfClassScores(found, name=name)


def _found(metric):
    """A metric of Keras for a name, a config, a function or a loss, and the name it goes by."""
    if isinstance(metric, str) and metric.lower() in ("accuracy", "acc"):
        return _K.SparseCategoricalAccuracy(), metric
    found = metric if isinstance(metric, _K.Metric) else _K.get(metric)
    name = getattr(found, "name", None) or getattr(found, "__name__", None)
    if not isinstance(found, _K.Metric) and made_by_keras(found):
        known = hasattr(found, "__name__") and hasattr(_K, found.__name__)
        found = _K.get(found.__name__) if known else _K.MeanMetricWrapper(found)
    return found, metric if isinstance(metric, str) else name


def _is_of_keras(metric):
    if not isinstance(metric, _K.Metric):
        return False
    function = getattr(metric, "_fn", None)  # of a MeanMetricWrapper
    return made_by_keras(type(metric).update_state if function is None else function)


@keras.saving.register_keras_serializable(package="attention_zoo")
class OfClassScores(keras.metrics.Metric):
    """A metric of Keras, given labels and predictions as it wants them.

    - What compares the largest score with the label gets q itself, and class ids or one-hot labels.
    - All others get probabilities exp(q), and one-hot labels. In training under hard attention
      and REINFORCE exp(q) are geometric means of the segments' probabilities and sum to less than
      1; they are not renormalised. Outside training they sum to 1 under every attention.

    NaN where a class score is.

    Args:
        metric: a metric of Keras.
        name: the name of its result; None is the metric's.
    """

    def __init__(self, metric, name=None):
        if isinstance(metric, dict):
            metric = keras.saving.deserialize_keras_object(metric)
        super().__init__(name=metric.name if name is None else name, dtype=metric.dtype)
        _check(metric)
        self.metric = metric
        self.broken = self.add_variable((), "zeros", dtype="float32", name="broken")

    def update_state(self, y_true, y_pred, sample_weight=None):
        y, q = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        labels = _labels.class_ids if isinstance(self.metric, _OF_IDS) else _labels.probabilities
        nan = ops.isnan(q)
        self.broken.assign_add(ops.cast(ops.any(nan), "float32"))
        given = ops.where(nan, 0.0, q if isinstance(self.metric, _OF_SCORES) else ops.exp(q))
        self.metric.update_state(labels(y, q), given, sample_weight)

    def result(self):
        broken = self.broken > 0
        return keras.tree.map_structure(
            lambda value: ops.where(broken, float("nan"), value), self.metric.result()
        )

    def reset_state(self):
        super().reset_state()
        self.metric.reset_state()

    def get_config(self):
        metric = keras.saving.serialize_keras_object(self.metric)
        return {"name": self.name, "metric": metric}


_OF_IDS = (_K.SparseCategoricalAccuracy, _K.SparseTopKCategoricalAccuracy)
_OF_SCORES = (
    *_OF_IDS,
    _K.CategoricalAccuracy,
    _K.TopKCategoricalAccuracy,
    _K.OneHotIoU,
    _K.OneHotMeanIoU,
)
_OF_PREDICTED_IDS = (_K.Accuracy, _K.IoU, _K.MeanIoU)


def _check(metric):
    fits = isinstance(metric, (*_OF_SCORES, _K.BinaryIoU))
    if isinstance(metric, _OF_PREDICTED_IDS) and not fits:
        raise ValueError(
            f"metric is {type(metric).__name__}, which compares predicted ids, expected one of "
            "class scores or probabilities, such as 'accuracy' or OneHotMeanIoU"
        )
    if getattr(metric, "from_logits", False) or getattr(metric, "_from_logits", False):
        raise ValueError(
            f"from_logits of metric {type(metric).__name__} is True, expected False: it is given "
            "probabilities"
        )


@keras.saving.register_keras_serializable(package="attention_zoo")
class CrossEntropy(keras.metrics.Mean):
    """Minus the class score of the label, in nats, a mean: what the loss is without weights.

        mean_i -q_i(y_i)

    Args:
        label_smoothing: as of `NegativeLogLikelihood`.
        name: the name of its result.

    Update arguments:
        y_true: ids (...), or probabilities (..., c).
        y_pred: class scores q (..., c).
    """

    def __init__(self, label_smoothing=0.0, name="cross_entropy", dtype="float32"):
        super().__init__(name=name, dtype=dtype)
        self.label_smoothing = check_smoothing(label_smoothing)

    def update_state(self, y_true, y_pred, sample_weight=None):
        y, q = ops.convert_to_tensor(y_true), ops.cast(y_pred, self.dtype)
        score = smoothed(_labels.expected_score(y, q), q, self.label_smoothing)
        if sample_weight is not None:
            sample_weight = ops.reshape(sample_weight, (-1,))
        # Of captions (b, n) Keras takes means over n first, and so would weigh words by n.
        super().update_state(ops.reshape(-score, (-1,)), sample_weight)

    def get_config(self):
        return super().get_config() | {"label_smoothing": self.label_smoothing}
