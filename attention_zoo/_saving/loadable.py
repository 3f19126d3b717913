"""Whether what a model is saved as can be loaded: its classes are known to Keras."""

import keras

from attention_zoo._packages import KNOWN_TO_KERAS, package_of


def check_loadable(model):
    """Raises ValueError where the model holds an object of a class that Keras could not find again.

    Args:
        model: a Keras model; losses and metrics that it was compiled with do not matter.
    """
    for names in _own_objects(model.get_config()):
        if all(keras.saving.get_registered_object(name) is None for name in names):
            raise ValueError(
                f"the model holds {names[0].split('>')[-1]}, which Keras does not know when it "
                "loads the file, expected it with @keras.saving.register_keras_serializable(), or "
                "a keras.saving.custom_object_scope around saving and loading"
            )


def check_class_loadable(model):
    """Raises ValueError where Keras could not find the model's own class again, or make it."""
    cls = type(model)
    own = package_of(cls.__module__) not in KNOWN_TO_KERAS
    name = keras.saving.get_registered_name(cls)
    if own and keras.saving.get_registered_object(name) is None:
        raise ValueError(
            f"the model is a {cls.__name__}, which Keras does not know when it loads the file, "
            "expected the class with @keras.saving.register_keras_serializable()"
        )
    try:
        model.get_config()
    except NotImplementedError as error:
        raise ValueError(
            f"the model is a {cls.__name__} without get_config, expected one that gives the "
            "arguments of its __init__: its file could not be loaded"
        ) from error


def _own_objects(config):
    """Of classes and functions that are not Keras's own, the names it may find them by."""
    if isinstance(config, list | tuple):
        for one in config:
            yield from _own_objects(one)
    elif isinstance(config, dict):
        module = str(config.get("module"))
        names = [config.get("registered_name")]
        if config.get("class_name") == "function":
            names.append(config.get("config"))
        names = [name for name in names if isinstance(name, str)]
        if "class_name" in config and names and package_of(module) not in KNOWN_TO_KERAS:
            yield names
        for key, one in config.items():
            if key != "compile_config":
                yield from _own_objects(one)
