"""How a FocusClassifier is trained: its data, its loss, its metrics."""

import keras
import numpy as np
from keras import ops

from attention_zoo import losses, metrics
from attention_zoo._assertions import can_raise
from attention_zoo._labels import are_ids, check_shape, class_ids, known, refuse_unknown
from attention_zoo.models.attention_model import AttentionModel, strategy_scope
from attention_zoo.models.bags import dense, without_bools
from attention_zoo.models.keras_losses import class_score_loss
from attention_zoo.models.keras_metrics import class_score_metrics
from attention_zoo.models.labels import as_targets, check_labels, first_probabilities
from attention_zoo.models.totals import Seen


class LabelTraining(AttentionModel):
    """A model of {"label": q (b, c), "focus": a (b, m)}, trained by the labels.

    What it takes as data and labels stands under `FocusClassifier`.
    """

    num_classes = None  # of the classifier, once it is built

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.breakdown = metrics.FocusBreakdown(name="breakdown")
        self._focus_seen, self._unknown_label_seen = Seen(), Seen()

    def compile(
        self, optimizer="sgd", loss=None, *, metrics="auto", weighted_metrics=None, **kwargs
    ):
        """As `keras.Model.compile`; the loss is of the "label" output alone.

        Args:
            optimizer: as in Keras.
            loss: default `NegativeLogLikelihood`; alone, or as {"label": loss}. Keras's (sparse)
                categorical cross-entropies, from logits or not, become it, label smoothing and all:
                q are neither probabilities nor logits. Its other losses are refused; a function of
                yours gets labels and q.
            metrics: dict of lists for the outputs "label" and "focus", or a list for "label"; None
                and [] are none. "auto" is accuracy, focus accuracy and attention entropy. The
                focus breakdown comes on top wherever the data say where the true segment is; like
                these it counts every example once, whatever the sample weights. Keras's metrics of
                the label get class ids or one-hot labels and q or probabilities exp(q), as each
                wants; one of yours gets labels and q.
            weighted_metrics: as `metrics`, counted by the sample weights.
            **kwargs: as in Keras.
        """
        super().compile(
            optimizer=optimizer,
            loss=_label_loss(loss),
            metrics=_default_metrics() if _is_auto(metrics) else _by_output(metrics),
            weighted_metrics=_by_output(weighted_metrics),
            **kwargs,
        )

    def accepted(self, x, y=None):
        """Bags of unequal size padded, and labels that name no class refused."""
        x, y = dense(x, y)
        strategy = getattr(self, "distribute_strategy", None)  # TensorFlow alone has one
        if getattr(strategy, "num_replicas_in_sync", 1) > 1:
            x, y = without_bools(x, y)
        labels = as_targets(y)["label"]
        if hasattr(labels, "__array__"):
            self._build_of(x)
            check_labels(labels, self.num_classes)
        return x, y

    def check_class_weight(self, class_weight, y, x=None):
        """Keras would weigh soft labels by their most probable class."""
        if class_weight is not None and hasattr(x, "element_spec"):
            y = first_probabilities(x)
        if class_weight is None or not hasattr(y, "__array__") or are_ids(y):
            return
        if not np.isin(y, (0, 1)).all():
            raise ValueError(
                "class_weight is given beside soft labels, expected class ids or one-hot labels: "
                "weigh examples by sample_weight"
            )

    def _build_of(self, x):
        """Builds for such inputs: the number of classes is the classifier's."""
        if not self.built:
            with strategy_scope(self):
                self.build(keras.tree.map_structure(lambda array: (None, *array.shape[1:]), x))

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        label, q = as_targets(y)["label"], y_pred["label"]
        self._heed(label, q)
        if isinstance(sample_weight, dict):
            sample_weight = sample_weight["label"]
        loss = super().compute_loss(x, label, q, sample_weight, training)
        if training and self.attention.observes:
            self.attention.observe(-losses.NegativeLogLikelihood().call(label, q))
        return loss

    def _heed(self, label, q):
        """Refuses labels that say nothing of the classes, or remembers them where none can raise.

        The package's own loss refuses them itself.
        """
        if label is None:
            raise ValueError("labels are None, expected class ids or probabilities of the classes")
        b, c = q.shape
        check_shape(label.shape, c, b)
        if not can_raise():
            self._unknown_label_seen.mark_where(ops.any(ops.logical_not(known(label, c))))
        elif not isinstance(self.loss, losses.NegativeLogLikelihood):
            refuse_unknown(label, c)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        y = as_targets(y)
        focus_is_known = "focus" in y
        if focus_is_known:
            self._focus_seen.mark()
            ids = class_ids(y["label"], y_pred["label"])
            self.breakdown.update_state(y | {"label": ids}, y_pred)
        else:
            y = y | {"focus": -ops.ones_like(y_pred["focus"][:, 0], dtype="int32")}  # unknown
        if isinstance(sample_weight, dict):  # as Keras makes it of an array, a weight a label
            sample_weight = {"focus": sample_weight["label"]} | sample_weight
        results = super().compute_metrics(x, y, y_pred, sample_weight)
        return results if focus_is_known else _without_focus(results)

    def reset_metrics(self):
        super().reset_metrics()
        self._focus_seen.reset()
        self._unknown_label_seen.reset()

    def get_metrics_result(self):
        """As in Keras; of the focus only if a step since `reset_metrics` had its truth.

        Raises:
            ValueError: a step had a label of no class, and XLA had it pass.
        """
        if self._unknown_label_seen.value():
            raise ValueError(
                f"a label is none of the {self.num_classes} classes, which a step compiled by XLA "
                "cannot say as it runs, expected labels that are: the loss is NaN"
            )
        results = super().get_metrics_result()
        return _without_focus(results) if self._focus_seen.value() is False else results


_NEEDS_FOCUS = ("focus_accuracy", "FTPT", "FFPT", "FTPF", "FFPF")


def _without_focus(results):
    return {name: value for name, value in results.items() if name not in _NEEDS_FOCUS}


def _is_auto(metrics):
    """Whether `compile` is asked for the default; another string raises a ValueError."""
    if isinstance(metrics, str) and metrics != "auto":
        raise ValueError(f"metrics is {metrics!r}, expected 'auto', a list, a dict or None")
    return isinstance(metrics, str)


def _default_metrics():
    return {
        "label": class_score_metrics(["accuracy"]),
        "focus": [
            metrics.FocusAccuracy(name="accuracy"),
            metrics.AttentionEntropy(name="entropy"),
        ],
    }


def _label_loss(loss):
    """The loss of the "label" output, given alone or as a dict."""
    if isinstance(loss, dict) and "class_name" not in loss:  # which a saved loss has
        if set(loss) != {"label"}:
            raise ValueError(
                f"loss has the keys {sorted(loss)}, expected 'label': focus has no loss"
            )
        loss = loss["label"]
    return class_score_loss(loss, losses.NegativeLogLikelihood)


def _by_output(metrics):
    """A dict of metrics by output; a list is of the "label" output."""
    if isinstance(metrics, list | tuple):
        metrics = {"label": list(metrics)}
    if isinstance(metrics, dict) and "label" in metrics:
        return metrics | {"label": class_score_metrics(metrics["label"])}
    return metrics
