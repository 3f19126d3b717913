"""The type of a model's segments, as far as its networks tell."""

import keras

from attention_zoo.layers import PerSegment
from attention_zoo.models import SubwordEmbedding

_TAKE_IDS = (
    keras.layers.Embedding,
    keras.layers.CategoryEncoding,
    keras.layers.IntegerLookup,
    SubwordEmbedding,
)


def input_dtype(model):
    """The dtype, a string, of a FocusClassifier's segments: what its encoder takes.

    Without an encoder, what its focus network takes. It is what `keras.Input` declares, int32 of
    ids for a network that begins with an Embedding and declares floats or nothing, or else float32.
    """
    return _taken_by(model.focus if model.encoder is None else model.encoder) or "float32"


def _taken_by(network):
    """The dtype, or None where the network takes floats or does not tell."""
    if isinstance(network, _TAKE_IDS):
        return "int32"
    if isinstance(network, PerSegment):
        return _taken_by(network.network)
    if isinstance(network, keras.layers.Wrapper):
        return _taken_by(network.layer)
    inputs = getattr(network, "inputs", None)
    declared = keras.backend.standardize_dtype(inputs[0].dtype) if inputs else "float32"
    if not declared.startswith(("float", "bfloat")) or declared == "float64":
        return declared
    first = next((one for one in getattr(network, "layers", []) if not _is_input(one)), None)
    return None if first is None else _taken_by(first)


def _is_input(layer):
    return isinstance(layer, keras.layers.InputLayer)
