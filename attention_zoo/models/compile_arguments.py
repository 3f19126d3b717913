"""Arguments of `compile` and `fit` as Keras users write them, for a model of two outputs."""

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


_BEFORE_SHUFFLE = 6  # arguments of `fit` after x and y that come before it


def without_shuffle(x, args, kwargs):
    """The keyword arguments of `fit`, with shuffle=False for a pipeline, which has its own order.

    Keras's default is True, which it then says it ignores.

    Args:
        x: of `fit`.
        args, kwargs: its other arguments, after x and y.
    """
    is_pipeline = hasattr(x, "element_spec") or hasattr(x, "__next__")
    if is_pipeline and len(args) <= _BEFORE_SHUFFLE and "shuffle" not in kwargs:
        return kwargs | {"shuffle": False}
    return kwargs
