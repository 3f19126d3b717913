"""What is known of the segments that an encoder gives: whether they mix, where they come from."""

import inspect

import keras

from attention_zoo import ops
from attention_zoo.layers import Patches, Precomputed, Regions


def is_per_segment(encoder):
    """Whether a segment can be taken away behind an encoder, as far as that is known.

    It can where the encoder reads every segment by itself, of which its `reads_segments_alone`
    tells, and where there are none before it: it makes them of a picture.
    """
    if isinstance(encoder, Precomputed):
        return is_per_segment(encoder.encoder)
    if encoder is None or getattr(encoder, "reads_segments_alone", False):
        return True
    return _maker(encoder) is not None


def can_leave_out(model):
    """Whether a model can be told that segments are not there, without a mask in its data."""
    encoder = model.encoder
    if is_per_segment(encoder) or "mask" in inspect.signature(encoder.call).parameters:
        return True
    return not ops.mixes_batch(encoder)


def are_of_one_picture(encoder, inputs_shape):
    """Whether inputs of this shape are pictures of which an encoder makes the segments."""
    in_place = isinstance(encoder, Precomputed) and len(inputs_shape) != encoder.input_ranks[0]
    return _maker(encoder) is not None and not in_place


def grid_of(encoder, inputs_shape, m):
    """Rows and columns of the m segments that an encoder makes of pictures; None if not known.

    Args:
        encoder: a layer, or None.
        inputs_shape: of pictures (b, H, W, c), or of features in their place.
        m: how many segments there are.
    """
    maker = _maker(encoder)
    if maker is None:
        return None
    inner = encoder.encoder if isinstance(encoder, Precomputed) else encoder
    first = inner.layers[0] if isinstance(inner, keras.Sequential) else inner
    # Behind other layers its pictures are of another size: it knows that which it was built with.
    knows = first is maker and are_of_one_picture(encoder, inputs_shape)
    grid = maker.grid_of(inputs_shape) if knows else maker.grid
    return grid if grid is not None and grid[0] * grid[1] == m else None


def _maker(encoder):
    """The layer of an encoder that makes segments of a picture, or None."""
    layers = () if encoder is None else encoder._flatten_layers()
    return next((one for one in layers if isinstance(one, Regions | Patches)), None)
