"""Arguments of `compile` as Keras users write them, for a model of two outputs."""

from attention_zoo.losses import NegativeLogLikelihood
from attention_zoo.models.keras_losses import class_score_loss
from attention_zoo.models.keras_metrics import class_score_metrics


def label_loss(loss):
    """The loss of the "label" output, given alone or as a dict."""
    if isinstance(loss, dict) and "class_name" not in loss:  # which a saved loss has
        if set(loss) != {"label"}:
            raise ValueError(
                f"loss has the keys {sorted(loss)}, expected 'label': focus has no loss"
            )
        loss = loss["label"]
    return class_score_loss(loss, NegativeLogLikelihood)


def by_output(metrics):
    """A dict of metrics by output; a list is of the "label" output."""
    if isinstance(metrics, list | tuple):
        metrics = {"label": list(metrics)}
    if isinstance(metrics, dict) and "label" in metrics:
        return metrics | {"label": class_score_metrics(metrics["label"])}
    return metrics
