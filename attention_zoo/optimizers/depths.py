"""Depths of an encoder: what of it lies how far down, for layers that learn the slower for it."""

import itertools
import re

import keras

_BLOCK = re.compile(r"_layer_\d+$")  # KerasHub's names of what a backbone is a stack of


def by_depth(encoder):
    """The trainable variables of an encoder by depth, the lowest first.

    A backbone's blocks are a depth each, what lies below the first (embeddings) is the lowest, and
    what lies above the last belongs to it. In a network without such blocks every layer is a depth
    of its own. Networks within networks are looked into: nesting changes nothing. So are layers
    that hold one layer alone, or a list of blocks. Variables that a network holds itself, outside
    its layers (positions, a class token), lie as deep as the lowest of these.

    Args:
        encoder: built Keras layer or model.

    Returns:
        A list of depths, each a list of variables; each variable once, layers without any left out.
    """
    stack = _once(_stack(encoder))
    is_block = [block for block, _ in stack]
    begins = is_block if any(is_block) else [True] * len(stack)
    heights = itertools.accumulate(begins[1:], initial=0)
    depths: dict[int, list] = {}
    for height, (_, variables) in zip(heights, stack, strict=False):
        depths.setdefault(height, []).extend(variables)
    return list(depths.values())


def _once(stack):
    """The same, with each variable where it comes first, and without what is left empty."""
    seen: set[int] = set()
    kept = []
    for block, variables in stack:
        own = [one for one in variables if id(one) not in seen]
        seen.update(map(id, own))
        if own:
            kept.append((block, own))
    return kept


def _stack(layer):
    """What a layer is a stack of, from its inputs to its outputs: (is a block, variables) each."""
    inner = _inner(layer)
    if not inner:
        return [(False, layer.trainable_weights)]
    found = [part for one in inner for part in _block_or_stack(one)]
    within = {id(one) for _, variables in found for one in variables}
    own = [one for one in layer.trainable_weights if id(one) not in within]
    block, lowest = found[0]
    return [(block, [*own, *lowest]), *found[1:]]


def _block_or_stack(layer):
    return [(True, layer.trainable_weights)] if _BLOCK.search(layer.name) else _stack(layer)


def _inner(layer):
    """The layers of a network, of a layer that holds one alone, or of one with a list of blocks."""
    if isinstance(layer, keras.Model):
        return _trained(layer.layers)
    held = _trained(_held(layer))
    return held if len(held) == 1 or _has_blocks(layer) else []


def _held(layer):
    return layer._flatten_layers(include_self=False, recursive=False)


def _trained(layers):
    return [one for one in layers if one.trainable_weights]


def _has_blocks(layer):
    """Whether a layer has a list of layers that hold layers, as a transformer has of its blocks."""
    lists = (
        [one for one in value if isinstance(one, keras.layers.Layer)]
        for name, value in vars(layer).items()
        if name != "_layers" and isinstance(value, list | tuple)  # Keras's own, of all it holds
    )
    return any(len([one for one in some if _trained(_held(one))]) > 1 for some in lists)
