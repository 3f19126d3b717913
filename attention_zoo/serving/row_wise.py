"""Whether a signature answers each row as if it were alone: found by asking it."""

import numpy as np
import tensorflow as tf

from attention_zoo.serving import tensors


def takes_empty_strings(signature):
    """Whether "" is answered: models of texts do, those of pictures and other files do not."""
    try:
        signature(_samples(signature.inputs, 1))
    except tf.errors.InvalidArgumentError:
        return False
    return True


def is_row_wise(signature, size):
    """Whether rows get the same answers together as alone, free axes having this size.

    So must the free axes of the outputs: where their size follows from what the inputs hold, as
    that of the longest text, the rows would depend on each other.
    """
    specs = [*signature.inputs.values(), *signature.outputs.values()]
    if any(not spec.shape.rank or spec.shape[0] is not None for spec in specs):
        return False
    arrays = _samples(signature.inputs, size)
    rows = [{name: array[i : i + 1] for name, array in arrays.items()} for i in range(size)]
    try:
        together, alone = signature(arrays), [signature(row) for row in rows]
    except tf.errors.InvalidArgumentError:
        return False
    return all(
        _has_free_axes(spec, together[name].shape, size)
        and all(_equal(together[name][i : i + 1], one[name]) for i, one in enumerate(alone))
        for name, spec in signature.outputs.items()
    )


def _samples(inputs, size):
    """An array an input, its free axes of this size: from 0 to 1 by chance, or ""."""
    rng = np.random.default_rng(0)
    return {
        name: _sample([size if n is None else n for n in spec.shape], spec.dtype, rng)
        for name, spec in inputs.items()
    }


def _sample(shape, dtype, rng):
    family = tensors.family(dtype)
    if family == "string":
        return np.full(shape, b"", object)
    values = rng.random(shape) if family == "float" else rng.integers(2, size=shape)
    return values.astype(dtype.as_numpy_dtype)


def _has_free_axes(spec, shape, size):
    return all(shape[axis] == size for axis, n in enumerate(spec.shape) if n is None)


def _equal(found, expected):
    """Whether they are, up to rounding."""
    if found.dtype.kind == "O" or found.shape != expected.shape:
        return np.array_equal(found, expected)
    close = np.isclose(
        found.astype(float), expected.astype(float), rtol=1e-3, atol=1e-5, equal_nan=True
    )
    return bool(close.all())
