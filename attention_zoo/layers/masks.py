"""Masks, bool (b, m), True for the segments that are there: which hold, and what they leave."""

from keras import ops as kops

from attention_zoo import ops
from attention_zoo._checks import may_be_equal

try:  # Nothing public finds the mask of a tensor of JAX's that is traced: it takes no attributes.
    from keras.src.backend.common.masking import get_keras_mask  # noqa: TID251
except ImportError:  # a Keras that has it elsewhere
    get_keras_mask = None


def masked(segments, scores, mask=None):
    """The segments with zeros where they are masked, and the mask that holds, or None.

    A segment is there if the mask, the mask that Keras keeps with the segments
    (`Embedding(mask_zero=True)`, `Masking`) and the one that it keeps with the scores all say so.

    Args:
        segments: (b, m, ...).
        scores: (b, m), or None.
        mask: (b, m), or None.

    Raises:
        ValueError: shapes that do not agree.
    """
    kept = keras_mask(segments), keras_mask(scores)
    check_shapes(segments, scores, mask)
    for one in kept:
        check_shapes(segments, None, one)
    mask = conjunction(mask, *kept)
    return ops.zero_masked(segments, mask), mask


def keras_mask(tensor):
    """The mask that Keras keeps with a tensor, or None."""
    if get_keras_mask is None:
        return getattr(tensor, "_keras_mask", None)
    return get_keras_mask(tensor)


def conjunction(*masks):
    """Where all are True, bool; None says nothing, and None comes of nothing."""
    said = [kops.cast(mask, "bool") for mask in masks if mask is not None]
    if not said:
        return None
    first, *others = said
    for other in others:
        first = kops.logical_and(first, other)
    return first


def check_shapes(segments, scores, mask=None):
    """Raises ValueError unless segments (b, m, ...), scores (b, m) and mask (b, m) agree."""
    if len(segments.shape) < 2:
        raise ValueError(
            f"segments have shape {tuple(segments.shape)}, expected (batch, segments, ...)"
        )
    for name, x in (("scores", scores), ("mask", mask)):
        if x is not None and not may_be_equal(x.shape, segments.shape[:2]):
            raise ValueError(
                f"{name} has shape {tuple(x.shape)}, expected {tuple(segments.shape[:2])}: "
                f"the segments have shape {tuple(segments.shape)}"
            )
