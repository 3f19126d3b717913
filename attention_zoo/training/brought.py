"""What a user brings to a run as objects: an attention, an optimizer, callbacks.

They are recorded in config.json by what made them, so that a run that was broken off is taken up
by the same objects or refused. What cannot be recorded, or has a state that cannot be saved, is
refused in a line before anything is trained.
"""

import keras

from attention_zoo import layers
from attention_zoo.report.run import ZERO_WAS_NULL
from attention_zoo.training import callback_state


class Brought:
    """The objects, checked.

    Args:
        attention: a registered attention layer, a name, or None: that of the settings.
        optimizer: a Keras optimizer with any schedule, a name of the settings', or None.
        callbacks: Keras callbacks, see `training.callback_state`.

    Attributes:
        named: what is given by name, which is a setting: {"attention": "lvml"}, or nothing.

    Raises:
        ValueError: an object that a resumed run could not have again.
    """

    def __init__(self, attention=None, optimizer=None, callbacks=()):
        if not isinstance(callbacks, list | tuple):
            raise ValueError(f"callbacks is {callbacks!r}, expected a list of Keras callbacks")
        given = {"attention": attention, "optimizer": optimizer}
        self.named = {name: one for name, one in given.items() if isinstance(one, str)}
        self.attention = None if isinstance(attention, str) else attention
        self.optimizer = None if isinstance(optimizer, str) else optimizer
        self.callbacks = list(callbacks)
        for callback in self.callbacks:
            callback_state.check(callback)
        self._described = [callback_state.describe(callback) for callback in self.callbacks]
        if self.attention is not None:
            _check_registered("attention", self.attention, layers.Attention)
        if self.optimizer is not None:
            _check_registered("optimizer", self.optimizer, keras.optimizers.Optimizer)

    def settled(self, settings):
        """The settings, with those that are given by name, and none that an object decides.

        Raises:
            ValueError: settings beside an object that takes their place.
        """
        if self.optimizer is None:
            return settings | self.named
        for name in _OF_OPTIMIZER:
            if settings.get(name) is not None:
                raise ValueError(
                    f"{name} is {settings[name]!r} beside an optimizer, expected one of them"
                )
        return settings | self.named | dict.fromkeys(ZERO_WAS_NULL, 0.0)

    def record(self):
        """What goes into config.json in the place of settings, fit for JSON."""
        record: dict = {}
        for name in ("attention", "optimizer"):
            if (thing := getattr(self, name)) is not None:
                record[name] = _without_names(keras.saving.serialize_keras_object(thing))
        if self.optimizer is not None:
            record |= dict.fromkeys(ZERO_WAS_NULL)  # null: the optimizer says
        return record | ({"callbacks": self._described} if self._described else {})


_OF_OPTIMIZER = (
    *("learning_rate", "classifier_learning_rate", "encoder_learning_rate"),
    *("momentum", "weight_decay", "ema_momentum", "clip_norm"),
)


def _check_registered(name, thing, kind):
    if not isinstance(thing, kind):
        raise ValueError(f"{name} is {thing!r}, expected a name or a Keras {kind.__name__}")
    cls = type(thing)
    registered = keras.saving.get_registered_name(cls)
    own = cls.__module__.split(".")[0] not in ("keras", "attention_zoo")
    if own and keras.saving.get_registered_object(registered) is not cls:
        raise ValueError(
            f"{name} is a {cls.__name__}, which Keras cannot load by name, expected "
            "keras.saving.register_keras_serializable (or az.layers.register) above its class"
        )


def _without_names(config):
    """A Keras config without what Keras numbers anew in every process, or script: names."""
    if isinstance(config, list | tuple):
        return [_without_names(one) for one in config]
    if not isinstance(config, dict):
        return config
    dropped = {"build_config"} | ({"module"} if config.get("registered_name") else set())
    found = {key: _without_names(one) for key, one in config.items() if key not in dropped}
    if isinstance(found.get("config"), dict) and found.get("class_name") != "DTypePolicy":
        found["config"].pop("name", None)
    return found
