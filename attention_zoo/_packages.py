"""Whose a class is."""

# What Keras imports by itself when it loads a file, `keras.saving.deserialize_keras_object`.
KNOWN_TO_KERAS = frozenset({"keras", "keras_hub", "keras_cv", "keras_nlp", "builtins"})


def package_of(module):
    """The name of the package that a module is of; of a class's module, whose the class is."""
    return module.partition(".")[0]
