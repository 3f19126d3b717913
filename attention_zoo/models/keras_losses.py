"""Keras's losses for a model that gives class scores q: neither probabilities nor logits."""

import functools

import keras

_BY_SHAPE = ("crossentropy", "ce")  # Keras chooses one of the two by the labels' shape
_CROSS_ENTROPIES = (
    keras.losses.sparse_categorical_crossentropy,
    keras.losses.categorical_crossentropy,
)


def class_score_loss(loss, own):
    """The loss that applies to q.

    Keras's (sparse) categorical cross-entropies, with `from_logits` or without, become the
    package's own, -q(y): with probabilities they would clip and renormalise q, with logits
    renormalise it, and hard attention's q must not be. A loss of the user's own gets labels and q.

    Args:
        loss: as in `keras.Model.compile`, of one output.
        own: the package's loss, a class with the arguments `reduction`, `name`, `label_smoothing`.

    Raises:
        ValueError: any other loss of Keras, which wants probabilities or numbers.
    """
    if loss is None:
        return own()
    if isinstance(loss, str) and loss.lower() in _BY_SHAPE:
        return own(name=loss)
    loss = keras.losses.get(loss)
    function, settings = _function_of(loss)
    if function in _CROSS_ENTROPIES:
        return own(**_own_settings(settings))
    if made_by_keras(function):
        raise ValueError(
            f"loss is {_name(loss)}, expected NegativeLogLikelihood, a (sparse) categorical "
            "cross-entropy, or a function of yours (labels, q): q are log class scores"
        )
    return loss


def made_by_keras(function):
    """Whether it comes with Keras; False for what a user wrote or derived."""
    return (getattr(function, "__module__", None) or "").startswith("keras.")


def _function_of(loss):
    """What computes the loss, and its settings by name."""
    if isinstance(loss, functools.partial):
        return loss.func, loss.keywords
    if not isinstance(loss, keras.losses.Loss):
        return loss, {}
    settings = {"reduction": loss.reduction, "name": loss.name}
    if hasattr(loss, "fn") and made_by_keras(type(loss).call):  # a wrapped function
        return loss.fn, settings | getattr(loss, "_fn_kwargs", {})
    return type(loss).call, settings


def _own_settings(settings):
    """The package's settings for those of a cross-entropy of Keras."""
    if settings.get("axis", -1) not in (-1, 1):
        raise ValueError(
            f"axis of the loss is {settings['axis']}, expected -1: class scores (b, c)"
        )
    if settings.get("ignore_class") is not None:
        raise ValueError(
            f"ignore_class of the loss is {settings['ignore_class']}, expected None: every label "
            "names a class; leave such examples out, or give them a sample weight of 0"
        )
    names = ["reduction", "name", "label_smoothing"]
    if settings.get("reduction") in _KERAS_DEFAULTS:
        names.remove("reduction")  # a mean, as the package's own is, which leaves padding out
    return {k: settings[k] for k in names if k in settings}


_KERAS_DEFAULTS = ("sum_over_batch_size", "mean")


def _name(loss):
    return getattr(loss, "__name__", type(loss).__name__)
