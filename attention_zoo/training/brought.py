"""What a user brings to a run as objects: an attention, an optimizer, callbacks.

They are recorded in config.json by what made them, so that a run that was broken off is taken up
by the same objects or refused. What cannot be recorded, or has a state that cannot be saved, is
refused in a line before anything is trained.
"""

import inspect

import keras

from attention_zoo import layers
from attention_zoo._errors import first_line
from attention_zoo._packages import KNOWN_TO_KERAS, package_of
from attention_zoo.report.run import DECIDED_BY, decided_by_objects
from attention_zoo.training import callback_state
from attention_zoo.training.learning_rates import are_scheduled


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
            _check_config(self.attention)
        if self.optimizer is not None:
            _check_registered("optimizer", self.optimizer, keras.optimizers.Optimizer)
            _check_new(self.optimizer)

    def settled(self, settings):
        """The settings, with those that are given by name, and none that an object decides.

        Raises:
            ValueError: settings beside an object that takes their place.
        """
        for thing, one in self._objects().items():
            for name in DECIDED_BY[thing]:
                if settings.get(name) is not None:
                    raise ValueError(
                        f"{name} is {settings[name]!r} beside an {thing}, expected one of them: "
                        f"the {type(one).__name__} has its own"
                    )
        return settings | self.named | ({} if self.optimizer is None else _NOTHING_MORE)

    def check(self, config):
        """Raises ValueError for settings with rates over the steps beside an optimizer."""
        if self.optimizer is not None and are_scheduled(config):
            raise ValueError(
                f"frozen_epochs is {config.frozen_epochs} of {config.epochs} beside an optimizer, "
                "expected none or all: its rates are its own"
            )

    def new_attention(self):
        """The attention as it was made, without what an earlier run left in it; None for none."""
        one = self.attention
        try:
            return None if one is None else type(one).from_config(one.get_config())
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"attention is a {type(one).__name__} that cannot be made of its config "
                f"({first_line(error)}), expected the arguments of its __init__ in get_config"
            ) from error

    def record(self, settings):
        """Settings as config.json has them: the objects, and null for what these decide."""
        objects = {
            name: _without_names(keras.saving.serialize_keras_object(one))
            for name, one in self._objects().items()
        }
        record = settings | objects
        record |= dict.fromkeys(decided_by_objects(record))
        return record | ({"callbacks": self._described} if self._described else {})

    def _objects(self):
        given = {"attention": self.attention, "optimizer": self.optimizer}
        return {name: one for name, one in given.items() if one is not None}


# Beside an optimizer: set, so that no task fills in its own.
_NOTHING_MORE = {
    "warmup": 0.0,
    "schedule": "constant",
    "accumulation": 1,
    "weight_decay": 0.0,
    "ema_momentum": 0.0,
    "clip_norm": None,
}


def _check_registered(name, thing, kind):
    if not isinstance(thing, kind):
        raise ValueError(f"{name} is {thing!r}, expected a name or a Keras {kind.__name__}")
    cls = type(thing)
    registered = keras.saving.get_registered_name(cls)
    own = package_of(cls.__module__) not in KNOWN_TO_KERAS | {"attention_zoo"}
    if own and keras.saving.get_registered_object(registered) is not cls:
        raise ValueError(
            f"{name} is a {cls.__name__}, which Keras cannot load by name, expected "
            "keras.saving.register_keras_serializable (or az.layers.register) above its class"
        )


def _check_new(optimizer):
    if optimizer.built:
        raise ValueError(
            f"optimizer is a {type(optimizer).__name__} that has trained a model, expected a new "
            "one: it holds that model's state"
        )


def _check_config(attention):
    """Raises ValueError where a class has an `__init__` of its own, and a config that lacks it."""
    cls = type(attention)
    if issubclass(_owner(cls, "get_config"), _owner(cls, "__init__")):
        return
    names = inspect.signature(cls.__init__).parameters.values()
    given = [one.name for one in names if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)]
    if lost := sorted(set(given[1:]) - attention.get_config().keys()):
        raise ValueError(
            f"attention is a {cls.__name__} whose get_config lacks {lost[0]!r}, expected every "
            "argument of its __init__: runs and files make it anew from them"
        )


def _owner(cls, name):
    """The class that a method is of."""
    return next(one for one in cls.__mro__ if name in vars(one))


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
