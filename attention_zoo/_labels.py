"""Labels as losses and metrics take them: class ids, or a probability of every class.

Letters: y labels, q class scores (..., c). Labels are ids (...) or (..., 1), or probabilities
(..., c), one-hot among them.
"""

from keras import ops

from attention_zoo._assertions import require_all

_TOLERANCE = 1e-2  # how far probabilities may sum from 1: a hundred of them in bfloat16


def are_ids(y, rank=2):
    """Whether labels are class ids; probabilities otherwise, of the rank of class scores."""
    return len(y.shape) < rank or y.shape[-1] == 1


def class_ids(y, q):
    """The ids (...), int32; of probabilities the most probable class."""
    if not are_ids(y, len(q.shape)):
        return ops.cast(ops.argmax(y, axis=-1), "int32")
    return ops.cast(ops.reshape(y, ops.shape(q)[:-1]), "int32")


def probabilities(y, q):
    """The probabilities (..., c) in the dtype of q; of ids one-hot."""
    if not are_ids(y, len(q.shape)):
        return ops.cast(y, q.dtype)
    ids, c = class_ids(y, q), q.shape[-1]
    # Of an id that names no class zeros: PyTorch takes a negative one for that, and no other.
    return ops.one_hot(ops.where(ids < c, ids, -1), c, dtype=q.dtype)


def expected_score(y, q):
    """sum_k y(k) q(k), (...); a class of probability 0 may be impossible (q = -inf)."""
    p = probabilities(y, q)
    return ops.sum(ops.where(p != 0.0, p * q, 0.0), axis=-1)


# --- checks, of labels (b,), (b, 1) or (b, c) ---


def check_shape(shape, num_classes, batch=None):
    """Raises ValueError unless it may be that of labels, of `batch` examples if that is known."""
    shape = tuple(shape)
    right = len(shape) == 1 or (len(shape) == 2 and shape[1] in (1, None, num_classes))
    if not right or None not in (batch, shape[0]) and shape[0] != batch:
        raise ValueError(
            f"labels have shape {shape}, expected class ids ({_size(batch)},) or ({_size(batch)}, "
            f"1), or probabilities ({_size(batch)}, {num_classes}): regression and several labels "
            "an example are not supported"
        )


def known(y, num_classes):
    """Whether labels say something of the classes, bool (b,).

    An id is one of 0 to c - 1. Probabilities are 0 or more and sum to 1.
    """
    y = ops.cast(y, "float32")
    if not are_ids(y):
        return ops.all(y >= 0, axis=-1) & (ops.abs(ops.sum(y, axis=-1) - 1) < _TOLERANCE)
    y = ops.reshape(y, (-1,))
    return (y >= 0) & (y < num_classes) & (y == ops.floor(y))


def refuse_unknown(y, num_classes):
    """`known`; raises at the first label that is not, wherever `require_all` can."""
    right = known(y, num_classes)
    require_all(right, lambda: _fault(y, num_classes, right))
    return right


def _fault(y, num_classes, right):
    """Of the first label that is not right, the parts of an error's line."""
    y, c = ops.cast(y, "float32"), num_classes
    row = ops.sum(ops.cumprod(ops.cast(right, "float32")))  # an argmin has none of an empty batch
    first = ops.equal(ops.arange(ops.shape(right)[0], dtype="float32"), row)

    def of_first(values):
        return ops.sum(ops.where(first, values, 0.0))

    if are_ids(y):
        label = of_first(ops.reshape(y, (-1,)))
        expected = f"expected 0 to {c - 1}: the classifier has {c} classes"
        return "label is", label, "at row", row, f"{expected}, regression is not supported"
    total, least = of_first(ops.sum(y, axis=-1)), of_first(ops.min(y, axis=-1))
    expected = f"expected probabilities of {c} classes: several labels are not supported"
    return "label at row", row, "has sum", total, "and minimum", least, expected


def _size(batch):
    return "b" if batch is None else batch
