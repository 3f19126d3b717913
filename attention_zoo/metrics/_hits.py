"""What the metrics of focus share: whether focus and prediction are right, and what counts."""

import keras
from keras import ops

from attention_zoo._checks import may_be_equal
from attention_zoo.ops import nan_where


def focus_hit(y_true, y_pred):
    """Whether the most attended segment is true, and whether that counts: 0/1 or NaN, `(b,)`."""
    a = attention(y_pred)
    true, known = true_segments(y_true, a)
    hit = ops.take_along_axis(true, ops.argmax(a, axis=-1)[:, None], axis=-1)[:, 0]
    is_nan = ops.logical_or(ops.any(ops.isnan(a), axis=-1), ops.logical_not(ops.any(true, axis=-1)))
    counts = _as_float(known) * attends(a)
    return ops.where(counts > 0, nan_where(is_nan, _as_float(hit)), 0.0), counts


def attends(a):
    """Whether attention `(b, m)` is on any segment, 0/1 `(b,)`: 0 where all weights are 0."""
    return _as_float(ops.any(a != 0, axis=-1))


def true_segments(truth, a):
    """Which segments are true, bool `(b, m)`, and of which examples that is known, bool `(b,)`.

    What a focus means is said here alone. An index that no segment has is known, and none is true.

    Args:
        truth: an index `(b,)` or `(b, 1)`, negative where it is not known; or a mask `(b, m)`,
            above 0 on the true segments, nowhere if these are not known. With one segment it is a
            mask if it is bool.
        a: attention `(b, m)`.
    """
    truth = ops.convert_to_tensor(truth)
    if _is_index(truth):
        chosen = ops.argmax(a, axis=-1)  # (b,)
        z = _as_index(truth, "focus", chosen)[:, None]
        return z == ops.arange(ops.shape(a)[-1], dtype=z.dtype), z[:, 0] >= 0
    _check_mask(truth.shape, a.shape)
    true = _as_float(truth) > 0.0
    return true, ops.any(true, axis=-1)


def prediction_hit(y_true, y_pred):
    """Whether the largest class score is that of the label: 0/1 or NaN, `(b,)`."""
    q = ops.convert_to_tensor(y_pred)
    predicted = ops.argmax(q, axis=-1)
    label = _as_index(ops.convert_to_tensor(y_true), "label", predicted)
    return nan_where(ops.any(ops.isnan(q), axis=-1), _as_float(ops.equal(predicted, label)))


def counted(values, known, sample_weight):
    """Values `(..., b)` and their weights `(b,)`, 0 where the focus does not count.

    What has weight 0 is 0, so that no NaN there is a mean's.
    """
    if sample_weight is not None:
        weight = ops.convert_to_tensor(sample_weight, dtype=known.dtype)
        known = known * ops.reshape(weight, ops.shape(known))
    return ops.where(known != 0, values, 0.0), known


def _as_float(x):
    return ops.cast(x, "float32")


def _as_index(y, name, like):
    """Indices `(b,)` or `(b, 1)` in the shape `(b,)` and the dtype of `like`."""
    if tuple(y.shape[1:]) not in ((), (1,)) or not may_be_equal(y.shape[:1], like.shape):
        raise ValueError(
            f"{name} has shape {tuple(y.shape)}, the prediction has a batch of {like.shape[0]}, "
            "expected indices (b,) or (b, 1)"
        )
    return ops.cast(ops.reshape(y, ops.shape(like)), like.dtype)


def _is_index(truth):
    if len(truth.shape) == 2 and truth.shape[1] == 1:
        return keras.backend.standardize_dtype(truth.dtype) != "bool"
    return len(truth.shape) == 1


def attention(y_pred):
    a = ops.convert_to_tensor(y_pred)
    if len(a.shape) != 2:
        raise ValueError(f"attention has shape {tuple(a.shape)}, expected (b, m)")
    return a


def _check_mask(mask, attention):
    if not may_be_equal(mask, attention):
        raise ValueError(
            f"focus has shape {tuple(mask)}, attention has shape {tuple(attention)}, "
            "expected an index (b,) or (b, 1), or a mask (b, m)"
        )


def label_and_focus(y, name):
    if not isinstance(y, dict) or not {"label", "focus"} <= y.keys():
        got = f"keys {sorted(y)}" if isinstance(y, dict) else type(y).__name__
        raise ValueError(f'{name} has {got}, expected a dict with "label" and "focus"')
    return y["label"], y["focus"]
