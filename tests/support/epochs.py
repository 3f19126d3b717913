"""Figures of an epoch, and whether a callback warns of them."""

import warnings

COLLAPSED = {"focus_entropy": 0.01, "loss": 1.0986, "label_accuracy": 0.35}
HEALTHY = {"focus_entropy": 1.0, "loss": 1.0986, "label_accuracy": 0.35}


def fires(callback, figures, epoch=0):
    """Whether an epoch with these figures makes it warn."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        callback.on_epoch_end(epoch, dict(figures))
    return bool(caught)
