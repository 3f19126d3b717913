"""Figures of a model that say whether its attention and its probabilities can be believed."""

import collections

import numpy as np
from keras import ops as kops

from attention_zoo import metrics
from attention_zoo.models.prediction import WAYS

STEPS = 5  # of the curves: a fifth of the segments each
REASONS = ("certainty", "agreement", "probability", "confidence")


def masks(deletions, top_k=1, curves=True):
    """What is left of the inputs for each figure, a list of bool (b, m).

    The named segments are the `top_k` most attended, as far as they have attention.

    Args:
        deletions: a `Deletions`.
        top_k: number of named segments.
        curves: whether those of the curves are among them.

    Returns:
        Without the named segments; with them alone; then, if there are curves, without the most
        attended 1/5, 2/5, 3/5, 4/5 of the segments, rounded up, but never without the last; and
        with these alone.
    """
    rank, n = deletions.rank, kops.cast(deletions.count, "int32")
    rank = kops.cast(rank, "int32")
    named = kops.logical_and(rank < top_k, deletions.focus > 0.0)
    found = [kops.logical_not(named), named]
    if curves:
        sizes = [(n * step + STEPS - 1) // STEPS for step in range(1, STEPS)]  # (b, 1) each
        found += [rank >= kops.minimum(size, n - 1) for size in sizes]
        found += [rank < size for size in sizes]
    return found


def of_batch(truth, outputs):
    """Numbers of every example of a batch, (b,) by name.

    NaN is what an example does not have: without its named segments nothing is left of it, of
    which "remains" tells.

    Args:
        truth: {"label": class ids (b,)}.
        outputs: those of `EveryWay`.
    """
    label = truth["label"]
    found = {name: outputs[name] for name in REASONS}
    for way in WAYS:
        p = np.exp(outputs[way])
        found[f"{way}_right"] = p.argmax(axis=1) == label
        found[f"{way}_top"] = p.max(axis=1)
        if f"{way}_left" in outputs:
            left = np.exp(outputs[f"{way}_left"])
            found["remains"] = remains = outputs["remains"][:, 0]
            figures = _rests_on(p, left, remains)
            found |= {f"{way}_{name}": values for name, values in figures.items()}
    return found


def _rests_on(p, left, remains):
    """Of p (b, c), and (b, k, c) of what `masks` leaves, the first of them where it `remains`."""
    known = remains & ~np.isnan(p[:, 0])
    found = {
        "comprehensiveness": np.where(remains, metrics.comprehensiveness(p, left[:, 0]), np.nan),
        "sufficiency": metrics.sufficiency(p, left[:, 1]),
        "flip_rate": np.where(known, metrics.flips(p, left[:, 0]), np.nan),
    }
    if left.shape[1] > 2:
        taken, given = np.split(left[:, 2:], 2, axis=1)
        whole = p[:, None]
        found["deletion_area"] = metrics.curve_area(p, np.concatenate([whole, taken], axis=1))
        found["insertion_area"] = metrics.curve_area(p, np.concatenate([given, whole], axis=1))
    return found


RESTS_ON = ("comprehensiveness", "sufficiency", "flip_rate", "deletion_area", "insertion_area")


WITHOUT = ("comprehensiveness", "flip_rate")  # of what is left without the named segments


def _mean(values, rows):
    """The mean over some of the examples, NaN of none; where attention is NaN so is the mean."""
    values = values[rows]
    return float(values.mean()) if values.size else float("nan")


class Belief:
    """Gathers the numbers of all examples, and makes figures of them."""

    def __init__(self):
        self._parts = collections.defaultdict(list)

    def update(self, truth, outputs):
        """Adds a batch, as of `of_batch`."""
        for name, values in of_batch(truth, outputs).items():
            self._parts[name].append(np.asarray(values))
        self._parts["label"].append(truth["label"])
        for way in WAYS:
            self._parts[f"{way}_p"].append(np.exp(outputs[way]))

    def examples(self):
        """Numbers of every example, (n,) by name; probabilities (n, c) under "argmax_p" and so on.

        Of a way to predict: whether it is "right", and as of `figures`.
        """
        return {name: np.concatenate(values) for name, values in self._parts.items()}

    def figures(self):
        """Figures by way to predict.

        "ece", "brier", "aurc", by the probability of the prediction, and "confidence_aurc"; of a
        model that can leave segments out the means over the examples of `RESTS_ON`; those of
        `WITHOUT` are of the examples of which something is left.
        """
        found = self.examples()
        return {way: self._of_way(found, way) for way in WAYS}

    def num_left_out(self):
        """How many examples the figures of `WITHOUT` are not of."""
        remains = self.examples().get("remains")
        return 0 if remains is None else int((~remains).sum())

    def _of_way(self, found, way):
        label, p = found["label"], found[f"{way}_p"]
        rests_on = {
            name: _mean(found[f"{way}_{name}"], found["remains"] if name in WITHOUT else ...)
            for name in RESTS_ON
            if f"{way}_{name}" in found
        }
        return {
            "ece": metrics.calibration_error(label, p),
            "brier": metrics.brier_score(label, p),
            "aurc": metrics.aurc(found[f"{way}_right"], found[f"{way}_top"]),
            "confidence_aurc": metrics.aurc(found[f"{way}_right"], found["confidence"]),
        } | rests_on
