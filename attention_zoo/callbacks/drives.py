"""The probe batch of FocusDrive, and what is measured on it."""

import dataclasses
from typing import Any

import keras
import numpy as np
from keras import ops as kops

from attention_zoo import ops
from attention_zoo.models import prediction
from attention_zoo.models.labels import as_ids, as_targets, check_labels, entropy, shares


@dataclasses.dataclass(frozen=True)
class Probe:
    """A fixed batch.

    Attributes:
        inputs: segments (b, m, ...), or a dict of "segments" and "mask".
        label: class ids, int (b,); of probabilities the most probable class.
        truth: 1 on the true segments, float32 (b, m); a row of zeros where they are unknown.
        given: the labels as they came.
    """

    inputs: Any
    label: np.ndarray
    truth: np.ndarray
    given: np.ndarray

    @classmethod
    def of(cls, inputs, targets):
        """From inputs and targets as FocusClassifier takes them."""
        if inputs is None or targets is None:
            missing = "inputs" if inputs is None else "targets"
            raise ValueError(f"{missing} of the probe are None, expected both inputs and targets")
        targets = as_targets(targets)
        b, m = _counts(inputs)
        label = np.asarray(targets["label"])
        if label.ndim not in (1, 2) or len(label) != b or label.size == 0:
            raise ValueError(
                f"label has shape {label.shape}, expected ({b},): the probe's segments"
            )
        return cls(inputs, as_ids(label), _truth(targets.get("focus"), b, m), label)

    def check_labels(self, num_classes):
        """Raises ValueError for a label that names no class."""
        check_labels(self.given, num_classes)

    def label_entropy(self):
        """Of the labels' frequencies, in nats: the loss of one who knows these alone."""
        return entropy(shares(self.label))


class Drives(keras.layers.Layer):
    """The drives to focus and the losses of a FocusClassifier, in float32.

        drive = (L(a) - L(a')) / h,  a' = (1 - h) a + h t

    A layer, because a layer's call tells all below it that this is no training.
    """

    def __init__(self, model, step):
        super().__init__(dtype="float32", name="drives")
        self.model = model
        self.step = step

    def build(self, *shapes):
        self.built = True

    def measure(self, probe):
        """Two dicts of floats by "soft", "hard", "lvml": drives and losses, in nats."""
        measured = self(probe.inputs, probe.label, probe.truth, training=False)
        return keras.tree.map_structure(lambda x: float(kops.convert_to_numpy(x)), measured)

    def call(self, inputs, label, truth, training=None):
        segments, mask = self.model.encode(inputs)
        a = self.model.attention.attend(self.model.scores(segments), mask)  # (b, m)
        log_p = self._log_likelihood(segments, label)  # (b, m)
        t = _target(truth, ops.safe_log(a) + log_p, mask)
        q = self._scores(segments, label, log_p, a)
        nearer = self._scores(segments, label, log_p, (1.0 - self.step) * a + self.step * t)
        drives = {name: kops.mean(nearer[name] - q[name]) / self.step for name in q}
        return drives, {name: -kops.mean(q[name]) for name in q}

    def _log_likelihood(self, segments, label):
        """log p_j(y), (b, m)."""
        log_p = ops.log_likelihoods(ops.map_segments(self.model.classifier, segments))  # (b, m, c)
        return _of_label(log_p, label[:, None, None])

    def _scores(self, segments, label, log_p, a):
        """q(y) of the three paradigms under the attention a (b, m): (b,) each."""
        soft = prediction.soft(self.model.classifier, segments, a)  # (b, c)
        return {
            "soft": _of_label(soft, label[:, None]),
            "hard": ops.average(log_p, a),
            "lvml": ops.log_average(log_p[:, :, None], ops.safe_log(a))[:, 0],
        }


def _target(truth, log_joint, mask):
    """t (b, m): the truth in equal parts, or where none is there the responsibilities."""
    if mask is not None:
        truth = truth * kops.cast(mask, truth.dtype)
    total = kops.sum(truth, axis=1, keepdims=True)  # (b, 1)
    known = total > 0.0
    return kops.where(known, truth / kops.where(known, total, 1.0), ops.softmax(log_joint, mask))


def _of_label(scores, label):
    """Of class scores (..., c) those of the label (..., 1)."""
    shape = (*scores.shape[:-1], 1)
    label = kops.broadcast_to(kops.cast(label, "int32"), shape)
    return kops.take_along_axis(scores, label, axis=-1)[..., 0]


def _counts(inputs):
    """How many examples and segments there are."""
    if isinstance(inputs, dict) and "segments" not in inputs:
        raise ValueError(
            f"inputs of the probe have the keys {sorted(inputs)}, expected 'segments' and maybe "
            "'mask'"
        )
    segments = inputs["segments"] if isinstance(inputs, dict) else inputs
    if not hasattr(segments, "shape"):
        kind = type(segments).__name__
        raise ValueError(f"segments of the probe are a {kind}, expected an array (b, m, ...)")
    shape = tuple(segments.shape)
    if len(shape) < 2 or 0 in shape[:2]:
        raise ValueError(
            f"segments of the probe have shape {shape}, expected (b, m, ...), b and m 1 or more"
        )
    return shape[:2]


def _truth(focus, b, m):
    """1 on the true segments, 0 elsewhere, float32 (b, m)."""
    if focus is None:
        return np.zeros((b, m), "float32")
    focus = np.asarray(focus)
    is_index = focus.shape == (b,) or (focus.shape == (b, 1) and focus.dtype != bool)
    if not is_index and focus.shape != (b, m):
        raise ValueError(f"focus has shape {focus.shape}, expected ({b},) or ({b}, {m})")
    if focus.dtype.kind not in "biuf":
        raise ValueError(f"focus has dtype {focus.dtype}, expected numbers")
    if np.any(np.isnan(focus)):
        raise ValueError("focus is nan somewhere, expected a number; below 0 where it is unknown")
    if not is_index:
        return (focus > 0).astype("float32")
    wrong = focus[(focus >= m) | (focus % 1 != 0)]
    if wrong.size:
        raise ValueError(
            f"focus is {wrong[0]:g}, expected an index below {m}, the segments; below 0 where it "
            "is unknown"
        )
    return (focus.reshape(b, 1) == np.arange(m)).astype("float32")


def check_step(step):
    """Raises ValueError unless 0 < step <= 1."""
    if not isinstance(step, (int, float, np.number)) or not 0 < step <= 1:
        raise ValueError(f"step is {step!r}, expected a number above 0 and up to 1")
