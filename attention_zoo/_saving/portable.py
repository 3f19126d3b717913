"""Saved configs that every backend of Keras reads."""

_OF_TORCH = "keras.src.backend.torch.optimizers"


def portable(config):
    """A serialised object with Keras's optimizers by their public names.

    Under PyTorch, `keras.optimizers.Adam(...)` makes an object of a class of that backend, and
    Keras saves it by the class's own name: elsewhere it cannot be loaded, or takes no step.
    """
    if isinstance(config, list | tuple):
        return type(config)(map(portable, config))
    if not isinstance(config, dict):
        return config
    config = {name: portable(value) for name, value in config.items()}
    if str(config.get("module", "")).startswith(_OF_TORCH):
        config |= {"module": "keras.optimizers", "registered_name": None}
    return config
