"""Bags of unequal size as an array and a mask."""

import numpy as np


def pad(bags, value=0, length=None):
    """Pads bags to one size.

    Args:
        bags: b bags of m_j segments each: a list of arrays (m_j, ...) or a `tf.RaggedTensor`
            (b, m, ...).
        value: what stands in the padding; of strings it is "".
        length: m, the size of all; None is that of the largest bag.

    Returns:
        {"segments": (b, m, ...), "mask": bool (b, m), True for the segments that are there}, as
        `FocusClassifier` takes them.

    Raises:
        ValueError: no bags, segments of different shapes, or a bag that is larger than `length`.
    """
    arrays, shape = arrays_of(bags)
    sizes = np.array([len(bag) for bag in arrays])
    m = max(sizes.max(), 1) if length is None else length  # attention is over one or more
    if m < sizes.max():
        raise ValueError(f"a bag has {sizes.max()} segments, expected {length} or fewer")
    dtypes = [bag.dtype for bag in arrays if bag.size] or [bag.dtype for bag in arrays]
    dtype = np.result_type(*dtypes)
    fill = "" if dtype.kind in "US" else value
    segments = np.full((len(arrays), m, *shape), fill, dtype)
    for row, bag in zip(segments, arrays, strict=True):
        row[: len(bag)] = bag.reshape(-1, *shape)
    return {"segments": segments, "mask": np.arange(m) < sizes[:, None]}


def arrays_of(bags):
    """(arrays (m_j, ...), the shape of one segment) of bags as `pad` takes them."""
    arrays = _rows(bags) if hasattr(bags, "row_lengths") else [np.asarray(bag) for bag in bags]
    return arrays, _segment_shape(arrays)


def _rows(ragged):
    """The rows of a `tf.RaggedTensor` as arrays."""
    if ragged.ragged_rank == 1:
        return np.split(ragged.values.numpy(), ragged.row_splits.numpy()[1:-1])
    return [np.asarray(row.to_list()) for row in ragged]


def _segment_shape(arrays):
    """The shape of one segment; ValueError where segments differ."""
    if not arrays:
        raise ValueError("there are 0 bags, expected 1 or more")
    shape = None
    for i, bag in enumerate(arrays):
        if bag.ndim == 0 or bag.dtype == object:
            raise ValueError(
                f"bag {i} has shape {bag.shape} and dtype {bag.dtype}, expected segments (m, ...) "
                "of one shape"
            )
        if shape is None and bag.size:
            shape, first = bag.shape[1:], i
        if bag.size and bag.shape[1:] != shape:
            raise ValueError(
                f"bag {i} has segments of shape {bag.shape[1:]}, expected {shape}, as bag {first}"
            )
    return arrays[0].shape[1:] if shape is None else shape
