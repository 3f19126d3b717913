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
    return _of_one_picture(encoder)


def can_leave_out(model):
    """Whether a model can be told that segments are not there, without a mask in its data."""
    encoder = model.encoder
    if is_per_segment(encoder) or "mask" in inspect.signature(encoder.call).parameters:
        return True
    return not ops.mixes_batch(encoder)


def are_of_one_picture(encoder, inputs_shape):
    """Whether inputs of this shape are pictures of which an encoder makes the segments."""
    if isinstance(encoder, Precomputed):
        is_picture = len(inputs_shape) == encoder.input_ranks[0]
        return is_picture and are_of_one_picture(encoder.encoder, inputs_shape)
    return encoder is not None and _of_one_picture(encoder)


def grid_of(encoder, inputs_shape, m):
    """Rows and columns of the m segments that an encoder makes of pictures; None if not known.

    Args:
        encoder: a layer, or None.
        inputs_shape: of pictures (b, H, W, c), or of features in their place.
        m: how many segments there are.
    """
    if isinstance(encoder, Precomputed):
        is_picture = len(inputs_shape) == encoder.input_ranks[0]
        return grid_of(encoder.encoder, inputs_shape if is_picture else (), m)
    maker = None if encoder is None else _maker(encoder)
    if maker is None:
        return None
    first = encoder.layers[0] if isinstance(encoder, keras.Sequential) else encoder
    # Behind other layers its pictures are of another size: it knows that which it was built with.
    grid = maker.grid_of(inputs_shape) if first is maker and inputs_shape else maker.grid
    return grid if grid is not None and grid[0] * grid[1] == m else None


def _of_one_picture(encoder):
    return _maker(encoder) is not None


def _maker(encoder):
    """The layer of an encoder that makes segments of a picture, or None."""
    found = (one for one in encoder._flatten_layers() if isinstance(one, Regions | Patches))
    return next(found, None)
