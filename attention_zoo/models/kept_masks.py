"""Whether the layers of a Keras model of segments heed the mask that it is given."""

import contextlib
import inspect
import warnings

import keras


def check_mask_is_kept(encoder):
    """Raises ValueError where a sequential or functional model lets padding in, beside a mask.

    Keras hands a mask from layer to layer; one whose `supports_masking` is False neither heeds it
    nor passes it on. Such a layer may mix segments, as `Conv1D` does; so may a later one that asks
    for a mask, as `LSTM` does, and gets none. What reads each segment by itself may lose the mask
    if none asks after it. Layers within `layers.PerSegment` are not looked at, nor are other models
    and layers: what their `call` does with a mask is theirs. Of plain operations, as in x + y, it
    is taken that they read each segment by itself.
    """
    loser = _walk(encoder, True)[0] if _is_walkable(encoder) else None
    if loser is not None:
        raise ValueError(
            f"encoder is a {type(encoder).__name__} with {type(loser).__name__}, which is given no "
            "mask or heeds none, expected layers with supports_masking, or those of one segment in "
            "a layers.PerSegment: padding would count in the features of others"
        )


@contextlib.contextmanager
def under_mask(encoder, may_lose_mask=False):
    """Around a call with a mask: `check_mask_is_kept`, unless the encoder `may_lose_mask`.

    Within, Keras does not warn of layers that pass no mask on, such as every functional model.
    """
    if not (may_lose_mask or _is_walkable(encoder)):
        yield
        return
    if not may_lose_mask:
        check_mask_is_kept(encoder)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "(?s).*does not support masking", UserWarning)
        yield


def _is_walkable(network):
    return isinstance(network, keras.Sequential) or hasattr(network, "_nodes_by_depth")


def _walk(network, has_mask):
    """(the layer that loses the mask, or None; whether what comes out has one)."""
    if isinstance(network, keras.Sequential):
        for layer in network.layers:
            loser, has_mask = _step(layer, [has_mask])
            if loser is not None:
                return loser, False
        return None, has_mask
    known = {id(x): has_mask for x in keras.tree.flatten(network.inputs)}
    for depth in sorted(network._nodes_by_depth, reverse=True):
        for node in network._nodes_by_depth[depth]:
            if node.is_input:
                continue
            loser, after = _step(node.operation, [known[id(x)] for x in node.input_tensors])
            if loser is not None:
                return loser, False
            if isinstance(node.operation, keras.layers.MultiHeadAttention):
                known |= {id(x): False for x in node.input_tensors}  # it takes their masks off
            known |= {id(x): after for x in node.output_tensors}
    return None, any(known[id(x)] for x in keras.tree.flatten(network.outputs))


def _step(layer, have_masks):
    """The same of a layer, or of an operation, whose inputs have masks or not."""
    has_mask = any(have_masks)
    if _is_walkable(layer):
        return _walk(layer, has_mask)
    passes, asks = getattr(layer, "supports_masking", False), _asks_for_mask(layer)
    if (asks and not has_mask) or not (passes or asks or _reads_alone(layer)):
        return layer, False
    if isinstance(layer, _MERGE):  # Keras passes no mask on where one of the inputs has none
        has_mask = all(have_masks)
    return None, (passes and has_mask) or _makes_mask(layer)


_MERGE = (
    *(keras.layers.Add, keras.layers.Subtract, keras.layers.Multiply),
    *(keras.layers.Average, keras.layers.Maximum, keras.layers.Minimum),
)


def _asks_for_mask(layer):
    return any(name.endswith("mask") for name in inspect.signature(layer.call).parameters)


def _makes_mask(layer):
    return getattr(layer, "mask_zero", False) or isinstance(layer, keras.layers.Masking)


def _reads_alone(layer):
    """Whether what knows no masks reads each segment by itself."""
    if isinstance(layer, keras.layers.Conv1D):
        return layer.kernel_size == (1,) and layer.strides == (1,)
    return isinstance(layer, keras.layers.Embedding) or not isinstance(layer, keras.Layer)
