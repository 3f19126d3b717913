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
        ValueError: unknown name. TypeError: anything else.
    """
    if isinstance(identifier, Attention):
        return identifier
    if isinstance(identifier, dict):
        return keras.saving.deserialize_keras_object(identifier)
    if not isinstance(identifier, str):
        raise TypeError(f"attention is {identifier!r}, expected a name or an attention layer")
    if identifier not in _ATTENTIONS:
        raise ValueError(f"attention is {identifier!r}, expected one of {sorted(_ATTENTIONS)}")
    return _ATTENTIONS[identifier](**settings)
