"""The state of callbacks: what a run that was broken off needs to go on with them.

A callback with `get_state() -> dict`, fit for JSON, and `set_state(dict)` says itself what that is.
Of any other callback that a user brings, Keras's own among them, it is all its plain attributes:
None, booleans, numbers, texts, arrays, and lists and dicts of these. Functions among the attributes
are taken for configuration; anything else is refused, since it would be lost.
"""

import base64

import keras
import numpy as np

_KERAS_OWN = {"_model", "params", "validation_data", "monitor_op"}  # set again by Keras


def check(callback):
    """Raises ValueError for what is no Keras callback, or one that no run can be resumed with."""
    if not isinstance(callback, keras.callbacks.Callback):
        raise ValueError(f"callbacks has {callback!r}, expected Keras callbacks")
    if isinstance(callback, keras.callbacks.BackupAndRestore):
        raise ValueError(
            "callbacks has a BackupAndRestore, expected none: the run has checkpoints of its own"
        )
    if isinstance(callback, keras.callbacks.SwapEMAWeights):
        raise ValueError(
            "callbacks has a SwapEMAWeights, expected none: validation and callbacks see the "
            "averages in any case, and the run ends with them"
        )
    get_state(callback)


def describe(callback):
    """What tells a callback from others, fit for JSON: its class and what it was made with."""
    cls = type(callback)
    found = {"class_name": f"{cls.__module__}.{cls.__qualname__}"}
    if hasattr(callback, "get_config"):
        return found | {"config": callback.get_config()}
    functions = {
        name: _function_name(callback, name, value)
        for name, value in _attributes(callback)
        if callable(value)
    }
    return found | {"config": functions | _plain_attributes(callback, "get_config")}


def get_state(callback):
    """The state, fit for JSON."""
    if hasattr(callback, "get_state"):
        return callback.get_state()
    return _plain_attributes(callback)


def set_state(callback, state):
    """Gives a callback back what `get_state` took."""
    if hasattr(callback, "set_state"):
        callback.set_state(state)
        return
    for name, value in state.items():
        setattr(callback, name, _decoded(value))
    if getattr(callback, "monitor_op", "") is None and getattr(callback, "min_delta", None):
        # Keras gives it the sign of the direction when it next looks at the figure, once more.
        callback.min_delta = abs(callback.min_delta)


def _attributes(callback):
    return sorted((k, v) for k, v in vars(callback).items() if k not in _KERAS_OWN)


def _plain_attributes(callback, expected="get_state and set_state"):
    found = {}
    for name, value in _attributes(callback):
        if callable(value):
            continue
        try:
            found[name] = _encoded(value)
        except TypeError:
            raise ValueError(
                f"callback {type(callback).__name__} has {name}, a {type(value).__name__}, which "
                f"no checkpoint can hold, expected {expected}"
            ) from None
    return found


def _function_name(callback, name, function):
    """Of a function or class of a module; others a resumed run could not tell apart."""
    qualified = getattr(function, "__qualname__", type(function).__qualname__)
    if "<" in qualified:
        raise ValueError(
            f"callback {type(callback).__name__} has {name} {qualified!r}, expected a function of "
            "a module, which a resumed run can be told apart by"
        )
    return f"{getattr(function, '__module__', type(function).__module__)}.{qualified}"


_ARRAY = "ndarray, base64"


def _encoded(value):
    """Plain values as JSON has them; raises TypeError for others."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [_encoded(one) for one in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _encoded(one) for key, one in value.items()}
    if isinstance(value, np.generic | np.ndarray) and value.dtype.kind in "biuf":
        array = np.asarray(value)
        data = base64.b64encode(array.tobytes()).decode()
        return {_ARRAY: data, "dtype": array.dtype.name, "shape": list(array.shape)}
    raise TypeError(type(value).__name__)


def _decoded(value):
    if isinstance(value, list):
        return [_decoded(one) for one in value]
    if not isinstance(value, dict):
        return value
    if _ARRAY not in value:
        return {key: _decoded(one) for key, one in value.items()}
    flat = np.frombuffer(base64.b64decode(value[_ARRAY]), value["dtype"])
    return flat.reshape(value["shape"]).copy()[()]  # a scalar comes back as one
