"""The arguments of `fit`, by name, as a model with an attention wants them."""

import inspect

import keras

_SAVERS = keras.callbacks.BackupAndRestore, keras.callbacks.ModelCheckpoint


def by_name(*args, **kwargs):
    """The arguments of a call of `keras.Model.fit` by name, wherever they were given.

    Callbacks are in the order in which they have to be; a pipeline, which has its own order of
    examples, is not told to shuffle: Keras says of its default, True, that it ignores it.
    """
    given = inspect.signature(keras.Model.fit).bind(None, *args, **kwargs).arguments
    given.pop("self")
    if given.get("callbacks") is not None:
        given["callbacks"] = _savers_after_the_switch(given["callbacks"])
    if hasattr(given["x"], "element_spec") or hasattr(given["x"], "__next__"):
        given.setdefault("shuffle", False)
    return given


def as_list(callbacks):
    """The callbacks one by one, of whatever `fit` takes."""
    if isinstance(callbacks, keras.callbacks.CallbackList):
        return callbacks.callbacks
    return list(keras.tree.flatten(callbacks)) if callbacks is not None else []


def _savers_after_the_switch(callbacks):
    """The callbacks with those of Keras's that save a model behind the one that switches it.

    Of an epoch that has ended, they are to save what the switch has seen of it.
    """
    given = as_list(callbacks)
    switches = [i for i, one in enumerate(given) if getattr(one, "switches_attention", False)]
    if not switches:
        return callbacks
    before, after = given[: switches[-1] + 1], given[switches[-1] + 1 :]
    savers = [one for one in before if isinstance(one, _SAVERS)]
    ordered = [one for one in before if one not in savers] + savers + after
    if isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks.callbacks = ordered
        return callbacks
    return ordered
