"""What is known of the segments that an encoder gives: whether they mix, where they come from."""

import inspect

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


def _of_one_picture(encoder):
    return any(isinstance(layer, Regions | Patches) for layer in encoder._flatten_layers())
