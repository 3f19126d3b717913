"""PerSegment: a network for one segment, run on all segments at once."""

import keras

from attention_zoo import ops
from attention_zoo.layers.masks import conjunction, keras_mask, masked
from attention_zoo.layers.of_network import OfNetwork
from attention_zoo.layers.output_spec import output_spec


@keras.saving.register_keras_serializable(package="attention_zoo")
class PerSegment(OfNetwork):
    """y_j = network(x_j) for every segment j, as one batch of b * m segments.

    The same result as `keras.layers.TimeDistributed` without its loop. Masked segments are read
    as zeros; in training a network with `BatchNormalization` or an activity regularizer does not
    see them at all. The mask goes on with the output.

    Args:
        network: a Keras layer or model that maps (n, ...) to (n, ...).

    Attributes:
        reads_segments_alone: True: what becomes of a segment depends on no other, so one can be
            taken away behind the layer. A subclass that mixes them says False.

    Call arguments:
        segments: (b, m, ...).
        mask: bool (b, m), True for the segments that are there. It holds together with the mask
            that Keras keeps with the segments.

    Returns:
        (b, m, ...).
    """

    reads_segments_alone = True

    def __init__(self, network, **kwargs):
        super().__init__(network, **kwargs)
        self.supports_masking = True

    def build(self, segments_shape):
        if not self.network.built:
            output_spec(self.network, (None, *segments_shape[2:]))
        self.built = True

    def call(self, segments, mask=None, training=None):
        _check_rank(segments)
        segments, mask = masked(segments, None, mask)
        return ops.map_segments(self.network, segments, mask if training else None)

    def compute_mask(self, segments, mask=None):
        return conjunction(mask, keras_mask(segments))

    def compute_output_shape(self, segments_shape):
        b, m, *segment_shape = segments_shape
        return (b, m, *output_spec(self.network, (None, *segment_shape)).shape[1:])

    def compute_output_spec(self, segments, mask=None, training=None):
        _check_rank(segments)
        b, m, *segment_shape = segments.shape
        spec = output_spec(self.network, (None, *segment_shape), segments.dtype)
        return keras.KerasTensor((b, m, *spec.shape[1:]), dtype=spec.dtype)


def _check_rank(segments):
    if len(segments.shape) < 3:
        raise ValueError(
            f"segments have shape {tuple(segments.shape)}, expected (batch, segments, ...)"
        )
