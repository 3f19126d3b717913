"""What a network ends in: class scores and attention are made of logits, never of probabilities."""

import keras
from keras import activations
from keras import layers as klayers

_PASSES_ON = (
    klayers.Activation,
    klayers.Dropout,
    klayers.Flatten,
    klayers.Identity,
    klayers.InputLayer,
    klayers.Reshape,
)
_TO_PROBABILITIES = {"softmax": activations.softmax, "sigmoid": activations.sigmoid}


def check_logits(classifier):
    """Raises ValueError if the classifier is seen to end in softmax or sigmoid.

    It would be taken for logits between 0 and 1: of three classes, none could have more than 0.576.
    """
    ending = final_activation(classifier)
    if ending is not None:
        raise ValueError(
            f"classifier ends in {ending}, expected logits: leave its last activation out"
        )


def check_scores(focus):
    """Raises ValueError if the focus network is seen to end in softmax: of one number it is 1."""
    if final_activation(focus) == "softmax":
        raise ValueError(
            "focus ends in softmax, which is 1 for every segment, expected scores: leave its last "
            "activation out"
        )


def final_activation(network):
    """What a Sequential, a functional model or a layer ends in: "softmax", "sigmoid" or None.

    A layer or model of one's own is not looked into.
    """
    for operation in _from_the_end(network):
        name = _of_operation(operation)
        if name is not None or not isinstance(operation, _PASSES_ON):
            return name
    return None


def _from_the_end(network):
    """The layers and operations of a network, the last first, those of nested networks too."""
    if isinstance(network, keras.Sequential):
        for layer in reversed(network.layers):
            yield from _from_the_end(layer)
    elif isinstance(network, keras.Model) and _is_functional(network):
        tensor = network.outputs[0]
        while tensor is not None:
            operation, node_index, _ = tensor._keras_history
            yield from _from_the_end(operation)
            inputs = operation._inbound_nodes[node_index].input_tensors
            tensor = inputs[0] if len(inputs) == 1 else None
    else:
        yield network


def _is_functional(model):
    return bool(getattr(model, "outputs", None)) and hasattr(model.outputs[0], "_keras_history")


def _of_operation(operation):
    """Of a layer Softmax, of one with an activation, or of `keras.ops.softmax`; None otherwise."""
    activation = getattr(operation, "activation", None)
    classes = {type(part).__name__.lower() for part in (operation, activation)}
    for name, function in _TO_PROBABILITIES.items():
        if activation is function or name in classes:
            return name
    return None
