"""Arguments of `compile` as Keras users write them, for a model of two outputs."""


def label_loss(loss):
    """The loss of the "label" output, given alone or as a dict."""
    if not isinstance(loss, dict):
        return loss
    if set(loss) != {"label"}:
        raise ValueError(f"loss has the keys {sorted(loss)}, expected 'label': focus has no loss")
    return loss["label"]


def by_output(metrics):
    """A dict of metrics by output; a list is of the "label" output."""
    return {"label": list(metrics)} if isinstance(metrics, list | tuple) else metrics
