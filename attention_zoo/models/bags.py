"""Bags of unequal size as a FocusClassifier takes them: padded, with a mask."""

import keras
import numpy as np
from keras import ops

from attention_zoo._bags import pad


def dense(x, y=None):
    """Inputs and targets without bags of unequal size; what has none is as it was.

    Args:
        x: inputs, or a pipeline of (inputs, targets): anything that has an `element_spec`.
        y: targets.

    Returns:
        (x, y): bags as {"segments": (b, m, ...), "mask": (b, m)}, rationales as (b, m).

    Raises:
        ValueError: bags that cannot be padded, or labels of another number.
    """
    if hasattr(x, "element_spec"):
        return _dense_pipeline(x), y
    x = _inputs(x)
    return x, _targets(x, y)


def ragged_inputs(x):
    """Inputs with segments and mask in place of a `tf.RaggedTensor`; also in a graph."""
    if isinstance(x, dict) and is_ragged(x.get("segments")):
        found = ragged_inputs(x["segments"])
        given = x.get("mask")
        return found if given is None else found | {"mask": found["mask"] & _dense_rows(given)}
    if not is_ragged(x):
        return x
    segments, lengths = x.to_tensor(), ops.cast(x.row_lengths(), "int32")
    there = ops.arange(ops.shape(segments)[1], dtype="int32") < lengths[:, None]
    return {"segments": segments, "mask": there}


def without_bools(x, y=None):
    """Inputs and targets, or a pipeline of them, with numbers for the bools of masks.

    Keras takes the mean of a first batch over several replicas, and TensorFlow has none of bools.
    """
    if hasattr(x, "element_spec"):
        if not hasattr(x, "map"):  # a data set that is distributed already
            return x, y
        return x.map(lambda *batch: keras.tree.map_structure(_as_number, batch)), y
    return keras.tree.map_structure(_as_number, x), keras.tree.map_structure(_as_number, y)


def _as_number(x):
    """What is bool as float32; but (b, 1) in targets, which would be an index then, as it is."""
    is_bool = hasattr(x, "dtype") and keras.backend.standardize_dtype(x.dtype) == "bool"
    if not is_bool or x.shape[-1] == 1:
        return x
    return x.astype("float32") if isinstance(x, np.ndarray) else ops.cast(x, "float32")


def is_ragged(x):
    """Whether this is a `tf.RaggedTensor`."""
    return hasattr(x, "row_lengths") and hasattr(x, "to_tensor")


def _are_bags(x):
    is_array_of_bags = isinstance(x, np.ndarray) and x.dtype.kind == "O"
    return is_ragged(x) or isinstance(x, list | tuple) or is_array_of_bags


def _inputs(x):
    if not isinstance(x, dict):
        return pad(x) if _are_bags(x) else x
    if not _are_bags(x.get("segments")):
        return x
    padded, given = pad(x["segments"]), x.get("mask")
    if given is not None:
        given = pad(given)["segments"] if _are_bags(given) else np.asarray(given)
        padded["mask"] &= given.astype(bool)
    return padded


def _targets(x, y):
    y = {k: _as_array(one) for k, one in y.items()} if isinstance(y, dict) else _as_array(y)
    label = y.get("label") if isinstance(y, dict) else y
    segments = x.get("segments") if isinstance(x, dict) else x
    if segments is None:  # the model says so
        return y
    if isinstance(x, dict) and isinstance(label, list | np.ndarray):
        bags = len(segments)
        if len(label) != bags:
            raise ValueError(f"there are {bags} bags and {len(label)} labels, expected as many")
    if not isinstance(y, dict) or not _are_rationales(y.get("focus")):
        return y
    there = x.get("mask") if isinstance(x, dict) else None
    return y | {"focus": _rationales(y["focus"], None if there is None else np.shape(there)[1])}


def _rationales(focus, length):
    """Rationales, one a bag, as bool (b, m): (b, 1) of numbers would be indices.

    Without a mask there are as many segments in every bag, and marks in every rationale.
    """
    return pad(focus, length=length)["segments"] > 0


def _as_array(y):
    """Labels or indices given as a list of numbers, as an array; anything else as it is."""
    return np.asarray(y) if isinstance(y, list | tuple) and not any(map(np.ndim, y)) else y


def _are_rationales(focus):
    """Whether this is the truth as rationales of unequal length."""
    return is_ragged(focus) or _are_bags(focus) and any(np.ndim(one) for one in focus)


def _dense_pipeline(dataset):
    """A `tf.data.Dataset` whose ragged inputs and rationales are padded, batch by batch."""
    if not any(hasattr(spec, "ragged_rank") for spec in keras.tree.flatten(dataset.element_spec)):
        return dataset

    def padded(x, *rest):
        others = [keras.tree.map_structure(_dense_rows, _with_bools(part)) for part in rest]
        return (ragged_inputs(x), *others) if others else ragged_inputs(x)

    return dataset.map(padded)


def _with_bools(targets):
    """Targets whose rationales, if they are ragged, are bool."""
    if not isinstance(targets, dict) or not is_ragged(targets.get("focus")):
        return targets
    return targets | {"focus": targets["focus"].to_tensor() > 0}


def _dense_rows(x):
    return x.to_tensor() if is_ragged(x) else x
