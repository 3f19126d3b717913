"""Parts by depth: layers of an encoder that learn the slower the farther down they lie."""

import itertools
import re

_BLOCK = re.compile(r"_layer_\d+$")  # KerasHub's names of what a backbone is a stack of
_WITHIN = ("backbone", "network", "layer")  # attributes of layers that hold a network


def by_depth(encoder, part):
    """The parts of an encoder, for `PartitionedOptimizer`.

    A backbone's blocks are a depth each, what lies below the first (embeddings) is the lowest, and
    what lies above the last belongs to it. In a network without such blocks every layer that has
    weights is a depth of its own.

    Args:
        encoder: Keras layer or model.
        part: name of the whole.

    Returns:
        (names, above): the part of each variable by its id, such as "encoder_3", and of each part
        how many depths lie above it.
    """
    layers = [layer for layer in _stack(encoder) if layer.weights]
    is_block = [bool(_BLOCK.search(layer.name)) for layer in layers]
    begins = is_block if any(is_block) else [i > 0 for i in range(len(layers))]
    heights = list(itertools.accumulate(begins, initial=0))[1:]
    names = {
        id(variable): f"{part}_{height}"
        for layer, height in zip(layers, heights, strict=True)
        for variable in layer.weights
    }
    return names, {f"{part}_{height}": heights[-1] - height for height in heights}


def _stack(network):
    """The layers of a network, from its inputs to its outputs."""
    if getattr(network, "layers", None):
        return network.layers
    inner = next((getattr(network, name) for name in _WITHIN if hasattr(network, name)), None)
    return [network] if inner is None else _stack(inner)
