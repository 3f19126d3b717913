"""Which part of a model each of its variables belongs to."""

import keras


def parts_of(model, names, others=None):
    """Of each trainable variable of a built model the name of its part.

    Args:
        model: Keras model.
        names: of the parts: attributes of the model; that of `others` need not be one.
        others: name of the part that takes variables of no network, or None.
    """
    if not model.built:
        raise ValueError(f"{model.name} is not built, expected a built {type(model).__name__}")
    if others is not None and others not in names:
        raise ValueError(f"others is {others!r}, expected one of the parts {list(names)}")
    part_of: dict[int, str] = {}
    for part in names:
        for variable in _variables_of(model, part, may_lack=part == others):
            if part_of.setdefault(id(variable), part) != part:
                raise ValueError(
                    f"{variable.path} belongs to {part_of[id(variable)]} and {part}, expected "
                    "networks that share no variable"
                )
    for variable in model.trainable_variables:
        if others is None and id(variable) not in part_of:
            raise ValueError(
                f"{variable.path} belongs to none of {list(names)}, expected a part for it, or "
                "others=, the name of the part that takes the rest"
            )
    return [part_of.get(id(variable), others) for variable in model.trainable_variables]


def _variables_of(model, part, may_lack):
    network = getattr(model, part, None)
    if isinstance(network, keras.layers.Layer):
        return network.variables
    if may_lack:
        return []
    raise ValueError(f"{model.name} has no network {part!r}, expected parts that it has")
