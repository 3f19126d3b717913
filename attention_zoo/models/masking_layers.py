"""What a layer of Keras does with the mask of segments, as it can be told from outside."""

import inspect
import math

import keras

from attention_zoo import ops
from attention_zoo.models.networks.subword_embedding import SubwordEmbedding
from attention_zoo.models.segment_axes import einsum_dense_keeps

MERGE = (
    *(keras.layers.Add, keras.layers.Subtract, keras.layers.Multiply),
    *(keras.layers.Average, keras.layers.Maximum, keras.layers.Minimum),
)
ATTENTION = (
    *(keras.layers.MultiHeadAttention, keras.layers.GroupQueryAttention),
    *(keras.layers.Attention, keras.layers.AdditiveAttention),
)
_MASKING = (keras.layers.Masking, SubwordEmbedding)
ACT_ON_AXES = (
    *(keras.layers.LayerNormalization, keras.layers.RMSNormalization),
    *(keras.layers.UnitNormalization, keras.layers.Dot, keras.layers.Concatenate),
)


def named(layer):
    """Its class and its name."""
    return f"{type(layer).__name__} {layer.name!r}"


def remedy_of(layer):
    """What to write in the place of a layer that heeds no mask."""
    if isinstance(layer, keras.layers.Lambda):
        return "a function that takes `mask`, or a layer of your own with supports_masking"
    if getattr(layer, "go_backwards", False):
        return "keras.layers.Bidirectional, or go_backwards=False: its segments come out reversed"
    if isinstance(layer, keras.layers.GroupNormalization):
        return "LayerNormalization, or a layers.PerSegment around it"
    return (
        "layers that do: set its supports_masking where it reads each segment by itself, or put it "
        "in a layers.PerSegment"
    )


def asks_for_mask(layer):
    """Whether its call, or the function of a Lambda, has an argument for a mask."""
    asked = layer.function if isinstance(layer, keras.layers.Lambda) else layer.call
    return any(name.endswith("mask") for name in inspect.signature(asked).parameters)


def mixes_despite_masks(layer):
    """Whether a layer mixes segments, though it says that it supports masks."""
    backwards = getattr(layer, "go_backwards", False) and getattr(layer, "return_sequences", False)
    return backwards or isinstance(layer, keras.layers.GroupNormalization)


def masks_given(node):
    """The arguments in which the model itself hands over a mask of what is attended or read."""
    if node is None:
        return set()
    call = inspect.signature(node.operation.call)
    given = call.bind_partial(*node.arguments.args, **node.arguments.kwargs).arguments
    return {
        name
        for name, value in given.items()
        if name.endswith("mask") and name != "query_mask" and _has_tensor(value)
    }


def _has_tensor(value):
    return any(isinstance(x, keras.KerasTensor) for x in keras.tree.flatten(value))


def makes_mask(layer):
    """Whether it makes a mask of what it is given, as `Embedding(mask_zero=True)` does."""
    return getattr(layer, "mask_zero", False) or isinstance(layer, _MASKING)


def reads_alone(layer, node=None):
    """Whether what passes no mask on, or was given none, reads each segment by itself."""
    if isinstance(layer, keras.layers.Conv1D):
        return layer.kernel_size == (1,) and layer.strides == (1,)
    if isinstance(layer, keras.layers.EinsumDense):
        return einsum_dense_keeps(layer.equation)
    if isinstance(layer, keras.layers.Reshape):
        return node is not None and _keeps_size_of_segment(node)
    if isinstance(layer, keras.layers.TimeDistributed):
        return not ops.mixes_batch(layer)
    if isinstance(layer, keras.layers.SpectralNormalization):
        inner = layer.layer
        heeds_none = inner.supports_masking and not (
            asks_for_mask(inner) or mixes_despite_masks(inner)
        )
        return heeds_none or reads_alone(inner, node)
    return isinstance(layer, keras.layers.Embedding)


def _keeps_size_of_segment(node):
    before, after = (tensors[0].shape[2:] for tensors in (node.input_tensors, node.output_tensors))
    return None not in (*before, *after) and math.prod(before) == math.prod(after)
