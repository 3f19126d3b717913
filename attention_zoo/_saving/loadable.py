"""Whether what a model is saved as can be loaded: its classes are known to Keras."""

import keras


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
        if "class_name" in config and names and not module.startswith(("keras", "builtins")):
            yield names
        for key, one in config.items():
            if key != "compile_config":
                yield from _own_objects(one)
