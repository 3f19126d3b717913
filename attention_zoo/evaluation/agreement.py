"""Whether attention agrees with other ways to say which segments count, and with itself."""

import collections
import dataclasses
import itertools

import keras
import numpy as np
from keras import ops

from attention_zoo import metrics
from attention_zoo._explain.attributions import METHODS
from attention_zoo._explain.encoders import are_of_one_picture
from attention_zoo.evaluation.batches import batches_of
from attention_zoo.evaluation.classification import known_mean, predictions
from attention_zoo.evaluation.every_way import EveryWay
from attention_zoo.models.inputs import split


@dataclasses.dataclass(frozen=True)
class AttentionAgreement:
    """The result of `evaluate_agreement`; every figure is a mean over the examples that have it.

    Attributes:
        rank_correlation: Spearman's, of attention with "occlusion", "gradient_x_input" and
            "integrated_gradients" of the segments, -1 to 1.
        permutation: 1 - half the sum of |a - a'|, a' the attention where the segments come in
            another order: 1 where the order does not matter. NaN where the segments are made of
            one picture, which has no other order.
        examples: the same of every example, (n,) by name, NaN where it is not known.
    """

    rank_correlation: dict[str, float]
    permutation: float
    examples: dict[str, np.ndarray] = dataclasses.field(repr=False)

    def scalars(self):
        """All figures by name."""
        flat = {f"{name}_correlation": value for name, value in self.rank_correlation.items()}
        flat |= {"permutation_stability": self.permutation}
        return {name: value for name, value in flat.items() if np.isfinite(value)}

    def table(self):
        """The figures in plain text."""
        return "\n".join(f"{name.replace('_', ' ')} {x:.3f}" for name, x in self.scalars().items())


def evaluate_agreement(model, dataset, *, methods=tuple(METHODS), seed=0):
    """Compares attention with how much segments count by other means.

    Of m segments occlusion costs m deletions, gradient x input a gradient, integrated gradients 16.

    Args:
        model: a FocusClassifier.
        dataset: as of `evaluate`; labels are not looked at.
        methods: which of "occlusion", "gradient_x_input" and "integrated_gradients".
        seed: of the order that segments are put into.

    Returns:
        An `AttentionAgreement`.

    Raises:
        ValueError: another kind of model, or an unknown method.
    """
    if unknown := sorted(set(methods) - set(METHODS)):
        raise ValueError(f"methods has {unknown[0]!r}, expected some of {list(METHODS)}")
    run, rng = EveryWay(model, leaves_out=False), np.random.default_rng(seed)
    parts = collections.defaultdict(list)
    for inputs, _, outputs in predictions(run, dataset):
        a, there = outputs["focus"], outputs["mask"]
        for name in methods:
            found = ops.convert_to_numpy(METHODS[name](model, inputs))
            parts[name].append(metrics.rank_correlation(a, found, there))
        overlap = _overlap(a, _permuted(model, inputs, there, rng))
        parts["permutation"].append(np.where(_says(a), overlap, np.nan))
    examples = {name: np.concatenate(values) for name, values in parts.items()}
    return AttentionAgreement(
        {name: known_mean(examples[name]) for name in methods},
        known_mean(examples["permutation"]),
        examples,
    )


def evaluate_stability(models, dataset):
    """How alike the attention of models is that differ in their seed, over all pairs of them.

    Args:
        models: two FocusClassifiers or more.
        dataset: as of `evaluate`, one that can be gone through again; labels are not looked at.

    Returns:
        {"rank_correlation": Spearman's, mean over pairs and examples; "same_segment": share of the
        examples in which both choose the same segment}.

    Raises:
        ValueError: fewer than two models.
    """
    if len(models) < 2:
        raise ValueError(f"there is {len(models)} model, expected 2 or more")
    runs = [EveryWay(model, leaves_out=False) for model in models]
    correlations, same = [], []
    for batch in batches_of(dataset):
        found = [next(predictions(run, [batch]))[2] for run in runs]
        for one, other in itertools.combinations(found, 2):
            a, b = one["focus"], other["focus"]
            correlations.append(metrics.rank_correlation(a, b, one["mask"]))
            same.append(np.where(_says(a) & _says(b), a.argmax(axis=1) == b.argmax(axis=1), np.nan))
    return {
        "rank_correlation": known_mean(np.concatenate(correlations)),
        "same_segment": known_mean(np.concatenate(same)),
    }


def _says(a):
    """Whether attention (b, m) chooses a segment: not where it is NaN, nor where none is there."""
    return np.isfinite(a).all(axis=1) & (a.max(axis=1) > 0.0)


def _permuted(model, inputs, there, rng):
    """Attention (b, m) of the segments in another order, put back into theirs.

    NaN where that is not what the inputs are of: the encoder makes the segments.
    """
    segments, mask = split(inputs)
    segments, (b, m) = np.asarray(segments), there.shape
    if are_of_one_picture(model.encoder, segments.shape) or segments.shape[1] != m:
        return np.full((b, m), np.nan)
    order = np.argsort(np.where(there, rng.random((b, m)), 2.0), axis=1)  # what is there first
    back = np.argsort(order, axis=1)
    rows = np.arange(b)[:, None]
    shuffled = segments[rows, order]
    given = shuffled if mask is None else {"segments": shuffled, "mask": there[rows, order]}
    return keras.ops.convert_to_numpy(model(given, training=False)["focus"])[rows, back]


def _overlap(a, b):
    return 1.0 - np.abs(a - b).sum(axis=1) / 2
