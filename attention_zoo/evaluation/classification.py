"""One pass over a data set: three ways to predict, the breakdown, the joint histogram."""

import dataclasses
import warnings

import keras
import numpy as np
from keras import ops

from attention_zoo import _tracing as tracing
from attention_zoo import losses, metrics
from attention_zoo.evaluation.batches import batches_of, unpacked
from attention_zoo.evaluation.belief import REASONS, Belief
from attention_zoo.evaluation.every_way import EveryWay
from attention_zoo.metrics._hits import true_segments
from attention_zoo.models.attention_model import warn_of_broken_weights
from attention_zoo.models.keras_metrics import class_score_metric
from attention_zoo.models.labels import as_ids, check_labels
from attention_zoo.models.prediction import WAYS


def _none():
    return np.zeros(0)


@dataclasses.dataclass(frozen=True)
class WayToPredict:
    """What one way to predict achieved.

    Attributes:
        accuracy: fraction of right labels.
        nll: negative log-likelihood of the true label, in nats, mean over the examples.
        breakdown: fractions FTPT, FFPT, FTPF, FFPF (focus true/false × prediction true/false).
        histogram: (bins, bins) counts of (a_z, p_y): attention on the true segment, probability
            of the true label; bins of equal width over [0, 1], a_z down the rows.
        belief: whether it can be believed: "ece", "brier", "aurc", by the probability of
            the prediction, and "confidence_aurc"; and, of a model that can leave segments out,
            "comprehensiveness", "sufficiency" and "flip_rate" of the most
            attended segments, the first and the last of the examples of which something is left
            without these; "deletion_area" and "insertion_area" if the curves were measured; see
            `metrics` and docs/believe.md.
        probabilities: (n, c).
    """

    accuracy: float
    nll: float
    breakdown: dict[str, float]
    histogram: np.ndarray
    belief: dict[str, float] = dataclasses.field(default_factory=dict)
    probabilities: np.ndarray = dataclasses.field(default_factory=_none, repr=False)


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The result of `evaluate`.

    Attributes:
        num_examples: number of examples seen.
        num_known: how many of these have a known true segment; focus accuracy, breakdown and
            histogram are of them alone.
        focus_accuracy: FT, the fraction with the largest attention on the true segment; NaN, and
            so is the breakdown, if no true segment is known.
        entropy: of the attention, in nats, mean over the examples.
        ways: a `WayToPredict` for each of "argmax", "marginal" and "soft".
        attention_mass: attention on the true segment, or summed over the rationale, mean over the
            examples where it is known; NaN if there are none.
        labels: class ids (n,).
        reasons: "certainty", "agreement", "probability" and "confidence" of every example, (n,),
            as of `explain`.
        num_left_out: how many examples have no segment left without the most attended ones, such
            as bags of one: comprehensiveness and flip rate are of the others, NaN if there are
            none.
    """

    num_examples: int
    num_known: int
    focus_accuracy: float
    entropy: float
    ways: dict[str, WayToPredict]
    attention_mass: float = dataclasses.field(default=float("nan"), kw_only=True)
    labels: np.ndarray = dataclasses.field(default_factory=_none, repr=False, kw_only=True)
    reasons: dict[str, np.ndarray] = dataclasses.field(
        default_factory=dict, repr=False, kw_only=True
    )
    num_left_out: int = dataclasses.field(default=0, kw_only=True)

    def scalars(self):
        """All figures but the histograms, flat: {"focus_accuracy": …, "argmax_accuracy": …}.

        What is not known (NaN) is left out, so that the rest can be written as JSON. Where
        sufficiency is known, which every example has, "num_left_out" is, too.
        """
        flat = {"focus_accuracy": self.focus_accuracy, "attention_mass": self.attention_mass}
        flat |= {"entropy": self.entropy}
        for name, way in self.ways.items():
            flat |= {f"{name}_accuracy": way.accuracy, f"{name}_nll": way.nll}
            flat |= {f"{name}_{cell}": value for cell, value in way.breakdown.items()}
            flat |= {f"{name}_{figure}": value for figure, value in way.belief.items()}
        known = {name: value for name, value in flat.items() if np.isfinite(value)}
        is_counted = any(f"{name}_sufficiency" in known for name in self.ways)
        return known | ({"num_left_out": self.num_left_out} if is_counted else {})

    def table(self):
        """The figures as a table in plain text, in percent (NLL in nats); "–" is not known."""
        cells = ("FTPT", "FFPT", "FTPF", "FFPF")
        partly = 0 < self.num_known < self.num_examples
        lines = [
            f"{self.num_examples} examples, focus true (FT) {percent(self.focus_accuracy)}"
            + (f" of {self.num_known} known" if partly else "")
            + f", attention entropy {self.entropy:.3f} nats",
            "prediction  accuracy     NLL" + "".join(f"{cell:>8}" for cell in cells),
        ]
        for name, way in self.ways.items():
            breakdown = "".join(f"{percent(way.breakdown[cell]):>8}" for cell in cells)
            lines.append(f"{name:<10}{percent(way.accuracy):>10}{way.nll:>8.4f}{breakdown}")
        return "\n".join(lines + self._belief_table())

    def _belief_table(self):
        """The figures of `WayToPredict.belief`, a line a way."""
        names = list(dict.fromkeys(name for way in self.ways.values() for name in way.belief))
        if not names:
            return []
        called = [name.replace("_", " ") for name in names]
        lines = ["prediction" + "".join(f"{one:>{len(one) + 2}}" for one in called)]
        for way, found in self.ways.items():
            cells = (
                f"{found.belief.get(name, float('nan')):>{len(one) + 2}.3f}"
                for name, one in zip(names, called, strict=True)
            )
            lines.append(f"{way:<10}" + "".join(cells))
        if self.num_left_out:
            lines.append(
                f"{self.num_left_out} examples have nothing left without the most attended "
                "segments, and no figures of what is left"
            )
        return lines


def percent(fraction):
    """As tables show a fraction; "–" is not known."""
    return "–" if np.isnan(fraction) else f"{fraction:.1%}"


def known_mean(values):
    """The mean of what is known; NaN if nothing is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def evaluate(model, dataset, *, bins=5, top_k=1, curves="auto"):
    """Evaluates a FocusClassifier under all three ways to predict, in one pass.

    Args:
        model: a FocusClassifier.
        dataset: batches of `(inputs, labels)`, a `tf.data.Dataset` or any iterable of arrays; or
            all examples as one tuple `(inputs, labels)`. Bags may be of unequal size, as in `fit`.
            Labels are class ids (b,) or probabilities of the classes (b, c), alone or as
            `{"label": them, "focus": truth}`, the truth an index (b,) or a 0/1 rationale (b, m). Of
            probabilities the most probable class is the true one; the NLL is its expectation over
            them. Sample weights as a third part are ignored: every example counts once.
        bins: number of bins a side of the joint histogram.
        top_k: number of the most attended segments that comprehensiveness, sufficiency and flip
            rate take away or leave alone.
        curves: whether to measure the curves of deletion and insertion; "auto" does where that is
            cheap, the encoder, if there is one, reading every segment by itself.

    Returns:
        An `Evaluation`. On a rationale, a_z is the attention summed over its segments. Where
        attention is NaN, accuracy, NLL, entropy and what is known of the focus are NaN; a
        RuntimeWarning says of how many examples it is, and they are in no histogram. Weights that
        are not finite are warned of whatever comes of them.

    Raises:
        ValueError: another kind of model, no batch, a batch without labels, one example without
            its batch axis, or labels that name no class.
    """
    run = EveryWay(model, top_k, curves)
    warn_of_broken_weights(model)
    return tallied(predictions(run, dataset), bins)


def predictions(every_way, dataset):
    """(inputs, truth, outputs) of every batch: what went in, its labels, what `EveryWay` says."""
    for batch in batches_of(dataset):
        inputs, truth = unpacked(batch)
        with tracing.expected():
            outputs = every_way.predict_on_batch(inputs)
        check_labels(truth["label"], every_way.model.num_classes)
        yield inputs, truth | {"label": as_ids(truth["label"]), "given": truth["label"]}, outputs


def tallied(predicted, bins):
    """The `Evaluation` of all that `predictions` gives."""
    tallies = {name: _Tally(bins) for name in WAYS}
    focus, entropy = metrics.FocusAccuracy(), metrics.AttentionEntropy()
    belief, on_truth = Belief(), []
    count = broken = 0
    for _, truth, outputs in predicted:
        a = outputs["focus"]
        broken += int(np.isnan(a).any(axis=1).sum())
        focus.update_state(truth["focus"], a)
        entropy.update_state(None, a)
        for name, tally in tallies.items():
            tally.update(truth, outputs[name], a)
        belief.update(truth, outputs)
        on_truth.append(attention_on_truth(truth["focus"], a))
        count += len(a)
    if count == 0:
        raise ValueError("the data set to evaluate has 0 batches, expected 1 or more")
    warn_of_nan(broken, count)
    examples, figures = belief.examples(), belief.figures()
    ways = {n: tally.result(figures[n], examples[f"{n}_p"]) for n, tally in tallies.items()}
    return Evaluation(
        num_examples=count,
        num_known=int(focus.count),
        focus_accuracy=float(focus.result()),
        entropy=float(entropy.result()),
        ways=ways,
        attention_mass=mean_as_focus(np.concatenate(on_truth), float(focus.result())),
        labels=examples["label"],
        reasons={name: examples[name] for name in REASONS},
        num_left_out=belief.num_left_out(),
    )


def mean_as_focus(of_truth, focus_accuracy):
    """The mean of what is known; NaN where attention is NaN in one of these, as FT is."""
    return float("nan") if np.isnan(focus_accuracy) else known_mean(of_truth)


def warn_of_nan(broken, count, stacklevel=4):
    """Warns, once for a data set, that attention is NaN in `broken` of its examples."""
    if broken:
        warnings.warn(
            f"attention is NaN in {broken} of {count} examples: the figures are NaN",
            RuntimeWarning,
            stacklevel=stacklevel,
        )


class _Tally:
    """Running sums of one way to predict."""

    def __init__(self, bins):
        self.accuracy = class_score_metric("accuracy")
        self.nll = keras.metrics.Mean(dtype="float32")
        self.breakdown = metrics.FocusBreakdown()
        self.histogram = np.zeros((bins, bins), dtype=np.int64)

    def update(self, truth, log_p, a):
        nll = losses.NegativeLogLikelihood(reduction=None)
        self.accuracy.update_state(truth["label"], log_p)
        self.nll.update_state(nll(truth["given"], log_p))
        self.breakdown.update_state(truth, {"label": log_p, "focus": a})
        p_y = np.exp(-ops.convert_to_numpy(nll(truth["label"], log_p)))
        self._count(attention_on_truth(truth["focus"], a), p_y)

    def _count(self, a_z, p_y):
        known = ~np.isnan(a_z)
        edges = np.linspace(0.0, 1.0, len(self.histogram) + 1)
        # A probability of 1 may come out as 1 + 1e-7.
        a_z, p_y = np.clip(a_z[known], 0.0, 1.0), np.clip(p_y[known], 0.0, 1.0)
        self.histogram += np.histogram2d(a_z, p_y, bins=(edges, edges))[0].astype(np.int64)

    def result(self, belief, probabilities):
        breakdown = {cell: float(value) for cell, value in self.breakdown.result().items()}
        accuracy, nll = float(self.accuracy.result()), float(self.nll.result())
        return WayToPredict(accuracy, nll, breakdown, self.histogram, belief, probabilities)


def attention_on_truth(focus, a):
    """a_z (b,): attention on the true segment, or summed over the rationale.

    NaN if the truth is unknown, or all weights are 0.

    Args:
        focus: index (b,) or (b, 1), negative where unknown, or 0/1 rationale (b, m).
        a: attention weights (b, m).

    Raises:
        ValueError: an index of m or more.
    """
    a = np.asarray(a)
    a = np.where(np.any(a != 0, axis=1, keepdims=True), a, np.nan)
    true, known = truth_of(focus, a)
    if np.any(known & ~true.any(axis=1)):
        raise ValueError(
            f"focus is {np.max(focus)}, expected an index below {a.shape[1]}: there are "
            f"{a.shape[1]} segments"
        )
    return np.where(known, np.sum(np.where(true, a, 0.0), axis=1), np.nan)


def truth_of(focus, a):
    """`metrics._hits.true_segments` as NumPy arrays: which are true, and whether that is known."""
    true, known = true_segments(focus, ops.convert_to_tensor(a))
    return ops.convert_to_numpy(true), ops.convert_to_numpy(known)
