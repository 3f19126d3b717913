"""How often attention finds the true segment, what that does to prediction, how peaked it is."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="attention_zoo")
class FocusAccuracy(keras.metrics.Mean):
    """FT, "focus true": how often the most attended segment is the right one.

        FT = mean_i [ argmax_j a_ij = z_i ]                 z an index
        FT = mean_i [ argmax_j a_ij lies in rationale i ]   z a 0/1 mask

    A fraction in [0, 1], weighted by the sample weights. Of equal weights the first counts
    as the largest. Examples whose focus is unknown (a negative index, an empty rationale)
    or that have no segments (all weights 0) are left out; an index of m or more, which names no
    segment, and NaN weights make the metric NaN. NaN, too, while no example has counted: then
    FT is not 0 but unknown. Keras shows that as "nan" until an example with a known focus comes.

    Update arguments:
        y_true: index of the true segment `(b,)` or `(b, 1)`, or rationale mask `(b, m)`.
            With m = 1, `(b, 1)` is an index, unless it is bool: then it is a mask.
        y_pred: attention weights `(b, m)`.
        sample_weight: optional weights `(b,)` or `(b, 1)`.

    Reference: arXiv:2307.13421 (FT), arXiv:2212.14776.
    """

    def __init__(self, name="focus_accuracy", dtype="float32"):
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        hit, known = _focus_hit(y_true, y_pred)
        super().update_state(hit, _weights(known, sample_weight))

    def result(self):
        return ops.divide(self.total, self.count)


@keras.saving.register_keras_serializable(package="attention_zoo")
class FocusBreakdown(keras.metrics.Metric):
    """Right or wrong place against right or wrong answer.

        FTPT, FFPT, FTPF, FFPF = mean_i [ focus_i = F ][ prediction_i = P ]

    F: the focus is true as in `FocusAccuracy`; P: argmax_y q_i(y) is the label. So FFPT is
    the right answer from the wrong place. Fractions of the examples that count there; they sum
    to 1. NaN while none has counted, and where scores or weights of one that counts are NaN.

    Update arguments:
        y_true: `{"label": class ids (b,) or (b, 1), "focus": as in FocusAccuracy}`.
        y_pred: `{"label": class scores q (b, c), "focus": attention weights (b, m)}`.
        sample_weight: optional weights `(b,)` or `(b, 1)`.

    Returns from `result`:
        The four fractions, a dict of scalars by name.

    Reference: arXiv:2307.13421 and arXiv:2212.14776 (FTPT, FFPT, FTPF, FFPF).
    """

    def __init__(self, name="breakdown", dtype="float32"):
        super().__init__(name=name, dtype=dtype)
        self.counts = self.add_variable(
            shape=(4,), initializer="zeros", dtype=self.dtype, name="counts"
        )

    def update_state(self, y_true, y_pred, sample_weight=None):
        label, focus = _label_and_focus(y_true, "y_true")
        q, a = _label_and_focus(y_pred, "y_pred")
        f, known = _focus_hit(focus, a)
        p = _prediction_hit(label, q)
        cells = ops.stack([f * p, (1 - f) * p, f * (1 - p), (1 - f) * (1 - p)])  # (4, b)
        self.counts.assign_add(ops.sum(cells * _weights(known, sample_weight), axis=-1))

    def result(self):
        fractions = ops.divide(self.counts, ops.sum(self.counts))
        return {name: fractions[i] for i, name in enumerate(("FTPT", "FFPT", "FTPF", "FFPF"))}


@keras.saving.register_keras_serializable(package="attention_zoo")
class AttentionEntropy(keras.metrics.Mean):
    """How spread out attention is: its entropy, in nats.

        H = mean_i -sum_j a_ij log a_ij,   0 log 0 = 0

    From 0 (one segment has it all) to log m (all segments alike). Weighted by the sample
    weights. 0 before the first example.

    Update arguments:
        y_true: ignored, may be `None`.
        y_pred: attention weights `(b, m)`.
        sample_weight: optional weights `(b,)` or `(b, 1)`.

    Reference: arXiv:2212.14776, entropy as a penalty on attention.
    """

    def __init__(self, name="attention_entropy", dtype="float32"):
        super().__init__(name=name, dtype=dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        a = ops.cast(_attention(y_pred), self.dtype)
        log_a = ops.log(ops.where(a > 0, a, 1.0))
        super().update_state(-ops.sum(a * log_a, axis=-1), sample_weight)


def _focus_hit(y_true, y_pred):
    """Whether the most attended segment is true, and whether that counts: 0/1 or NaN, `(b,)`."""
    a, truth = _attention(y_pred), ops.convert_to_tensor(y_true)
    hit, known = _index_hit(truth, a) if _is_index(truth) else _rationale_hit(truth, a)
    counts = ops.logical_and(known, ops.any(a != 0, axis=-1))  # a NaN counts
    hit = _nan_where(ops.any(ops.isnan(a), axis=-1), hit)
    return ops.where(counts, hit, 0.0), _as_float(counts)


def _index_hit(truth, a):
    chosen = ops.argmax(a, axis=-1)  # (b,)
    z = _as_index(truth, "focus", chosen)
    return _nan_where(z >= ops.shape(a)[-1], _as_float(ops.equal(chosen, z))), z >= 0


def _rationale_hit(truth, a):
    _check_mask(truth.shape, a.shape)
    rationale = ops.cast(truth, "bool")  # (b, m)
    hit = ops.take_along_axis(rationale, ops.argmax(a, axis=-1)[:, None], axis=-1)[:, 0]
    return _as_float(hit), ops.any(rationale, axis=-1)


def _prediction_hit(y_true, y_pred):
    """Whether the largest class score is that of the label: 0/1 or NaN, `(b,)`."""
    q = ops.convert_to_tensor(y_pred)
    predicted = ops.argmax(q, axis=-1)
    label = _as_index(ops.convert_to_tensor(y_true), "label", predicted)
    return _nan_where(ops.any(ops.isnan(q), axis=-1), _as_float(ops.equal(predicted, label)))


def _nan_where(broken, x):
    return ops.where(broken, float("nan"), x)


def _weights(known, sample_weight):
    """The weight of every example, 0 where the focus does not count, `(b,)`."""
    if sample_weight is None:
        return known
    weight = ops.convert_to_tensor(sample_weight, dtype=known.dtype)
    return known * ops.reshape(weight, ops.shape(known))


def _as_float(x):
    return ops.cast(x, "float32")


def _as_index(y, name, like):
    """Indices `(b,)` or `(b, 1)` in the shape `(b,)` and the dtype of `like`."""
    if tuple(y.shape[1:]) not in ((), (1,)) or not _agree(y.shape[:1], like.shape):
        raise ValueError(
            f"{name} has shape {tuple(y.shape)}, the prediction has a batch of {like.shape[0]}, "
            "expected indices (b,) or (b, 1)"
        )
    return ops.cast(ops.reshape(y, ops.shape(like)), like.dtype)


def _is_index(truth):
    if len(truth.shape) == 2 and truth.shape[1] == 1:
        return keras.backend.standardize_dtype(truth.dtype) != "bool"
    return len(truth.shape) == 1


def _attention(y_pred):
    a = ops.convert_to_tensor(y_pred)
    if len(a.shape) != 2:
        raise ValueError(f"attention has shape {tuple(a.shape)}, expected (b, m)")
    return a


def _check_mask(mask, attention):
    if not _agree(mask, attention):
        raise ValueError(
            f"focus has shape {tuple(mask)}, attention has shape {tuple(attention)}, "
            "expected an index (b,) or (b, 1), or a mask (b, m)"
        )


def _agree(shape, other):
    """Whether two static shapes may be equal; a dimension `None` may be anything."""
    return len(shape) == len(other) and all(
        s is None or t is None or s == t for s, t in zip(shape, other, strict=True)
    )


def _label_and_focus(y, name):
    if not isinstance(y, dict) or not {"label", "focus"} <= y.keys():
        got = f"keys {sorted(y)}" if isinstance(y, dict) else type(y).__name__
        raise ValueError(f'{name} has {got}, expected a dict with "label" and "focus"')
    return y["label"], y["focus"]
