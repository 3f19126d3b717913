"""Attention layers by name, as Keras resolves strings."""

import keras

from attention_zoo.layers.base import Attention

_ATTENTIONS: dict[str, type[Attention]] = {}


def attention(name):
    """Class decorator: makes the layer known to `get` as `name`, and to Keras for loading."""

    def register(cls):
        _ATTENTIONS[name] = cls
        return keras.saving.register_keras_serializable(package="attention_zoo")(cls)

    return register


def get(identifier, **settings):
    """An attention layer.

    Args:
        identifier: "soft", "hard", "lvml", "gumbel", "reinforce" or "hybrid"; an attention layer,
            which is returned as it is; or the config of one.
        **settings: constructor arguments where `identifier` is a name.

    Raises:
        ValueError: unknown name, or bad settings. TypeError: anything else.
    """
    if isinstance(identifier, Attention):
        return identifier
    if isinstance(identifier, dict):
        return _from_config(identifier)
    if not isinstance(identifier, str):
        raise TypeError(f"attention is {identifier!r}, expected a name or an attention layer")
    if identifier not in _ATTENTIONS:
        raise ValueError(f"attention is {identifier!r}, expected one of {sorted(_ATTENTIONS)}")
    return _ATTENTIONS[identifier](**settings)


def _from_config(config):
    try:
        layer = keras.saving.deserialize_keras_object(config)
    except TypeError:  # no such class, or not its config: Keras says so in many lines
        layer = None
    if not isinstance(layer, Attention):
        got = repr(config["class_name"]) if "class_name" in config else f"the keys {list(config)}"
        raise TypeError(f"attention is a config of {got}, expected one of an attention layer")
    return layer
