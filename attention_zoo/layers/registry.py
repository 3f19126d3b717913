"""Attention layers by name, as Keras resolves strings."""

import functools

import keras

from attention_zoo.layers.base import Attention

_ATTENTIONS: dict[str, type[Attention]] = {}


def register(name, package="Custom"):
    """Class decorator for an attention layer of one's own: known by name here and to Keras.

        @az.layers.register("top_k")
        class TopKAttention(az.layers.Attention): ...

    `attention="top_k"` then means it wherever an attention has a name: models, `az.train`, flags.

    Args:
        name: which no other attention has.
        package: of the name that Keras saves, as in `keras.saving.register_keras_serializable`; a
            class that Keras knows already keeps its name there.

    Raises:
        ValueError: the name is taken. TypeError: the class is no attention layer.
    """

    def known(cls):
        if not (isinstance(cls, type) and issubclass(cls, Attention)):
            raise TypeError(
                f"register({name!r}) is above {cls!r}, expected a subclass of Attention"
            )
        taken = _ATTENTIONS.get(name)
        if taken is not None and taken.__qualname__ != cls.__qualname__:
            raise ValueError(f"attention {name!r} is {taken.__name__}, expected another name")
        _ATTENTIONS[name] = cls
        if keras.saving.get_registered_object(keras.saving.get_registered_name(cls)) is cls:
            return cls
        return keras.saving.register_keras_serializable(package)(cls)

    return known


attention = functools.partial(register, package="attention_zoo")


def get(identifier, **settings):
    """An attention layer.

    Args:
        identifier: "soft", "hard", "lvml", "gumbel", "reinforce" or "hybrid"; the name of a layer
            of one's own, as `register` or Keras has it; an attention layer, which is returned as
            it is; or the config of one.
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
    cls = _ATTENTIONS.get(identifier) or keras.saving.get_registered_object(identifier)
    if not (isinstance(cls, type) and issubclass(cls, Attention)):
        raise ValueError(f"attention is {identifier!r}, expected one of {sorted(_ATTENTIONS)}")
    return cls(**settings)


def _from_config(config):
    try:
        layer = keras.saving.deserialize_keras_object(config)
    except TypeError:  # no such class, or not its config: Keras says so in many lines
        layer = None
    if not isinstance(layer, Attention):
        got = repr(config["class_name"]) if "class_name" in config else f"the keys {list(config)}"
        raise TypeError(f"attention is a config of {got}, expected one of an attention layer")
    return layer
