"""Evaluation of a model of segments with rationales: agreement, and whether it rests on them."""

import collections
import dataclasses

import numpy as np

from attention_zoo import metrics
from attention_zoo.evaluation.classification import (
    Evaluation,
    known_mean,
    percent,
    predictions,
    tallied,
    truth_of,
)
from attention_zoo.evaluation.every_way import EveryWay
from attention_zoo.models.attention_model import warn_of_broken_weights
from attention_zoo.models.prediction import WAYS

AGREEMENT = (
    "average_precision",
    "token_precision",
    "token_recall",
    "token_f1",
    "auprc",
)
BY_WAY = ("macro_f1", "auroc")


@dataclasses.dataclass(frozen=True)
class RationaleEvaluation(Evaluation):
    """The result of `evaluate_rationales`: an `Evaluation` and more.

    Attributes:
        top_k: number of tokens of a predicted rationale.
        agreement: "average_precision", "token_precision", "token_recall", "token_f1", "auprc",
            means over the examples with a rationale, and "iou_f1"; see `metrics`. NaN if there are
            none, or one has NaN attention.
        by_way: for each way to predict "macro_f1" and "auroc". NaN if one has NaN attention.
    """

    top_k: int
    agreement: dict[str, float]
    by_way: dict[str, dict[str, float]]

    def scalars(self):
        """All figures but the histograms, flat; what is not known (NaN) is left out."""
        more = dict(self.agreement)
        for way, figures in self.by_way.items():
            more |= {f"{way}_{name}": value for name, value in figures.items()}
        return super().scalars() | {k: float(v) for k, v in more.items() if np.isfinite(v)}

    def table(self):
        """The figures as a table in plain text, in percent."""
        names = {name: name.replace("_", " ") for name in BY_WAY}
        found = {"attention_mass": self.attention_mass} | self.agreement
        agreement = ", ".join(f"{k.replace('_', ' ')} {percent(v)}" for k, v in found.items())
        lines = [super().table(), f"rationales, {self.top_k} tokens: {agreement}"]
        lines.append("prediction" + "".join(f"{names[name]:>19}" for name in BY_WAY))
        for way, figures in self.by_way.items():
            lines.append(f"{way:<10}" + "".join(f"{percent(figures[k]):>19}" for k in BY_WAY))
        return "\n".join(lines)


def evaluate_rationales(model, dataset, *, top_k=5, bins=5, curves="auto"):
    """Evaluates a FocusClassifier on examples with rationales, under all three ways to predict.

    The predicted rationale is made of the `top_k` most attended segments. For comprehensiveness
    and sufficiency the model is run again, once with these masked and once with all others masked;
    what is expected of its encoder is that it treats masked segments as absent.

    Args:
        model: a FocusClassifier.
        dataset: as for `evaluate`. Its focus is a 0/1 rationale (b, m)
            or an index (b,), a rationale of one segment.
        top_k: number of segments of a predicted rationale.
        bins, curves: as for `evaluate`.

    Returns:
        A `RationaleEvaluation`.
    """
    run, parts = EveryWay(model, top_k, curves), collections.defaultdict(list)
    warn_of_broken_weights(model)

    def looked_at():
        for inputs, truth, outputs in predictions(run, dataset):
            for name, values in _figures(truth, outputs, top_k).items():
                parts[name].append(values)
            yield inputs, truth, outputs

    whole = tallied(looked_at(), bins)
    found = {name: np.concatenate(values) for name, values in parts.items()}
    fields = {field.name: getattr(whole, field.name) for field in dataclasses.fields(whole)}
    return RationaleEvaluation(
        **fields,
        top_k=top_k,
        agreement=_agreement(found),
        by_way={way: _by_way(found, way) for way in WAYS},
    )


def _figures(truth, outputs, top_k):
    """Of a batch: numbers an example (b,), and probabilities and labels."""
    a, there = outputs["focus"], outputs["mask"]
    named, marked = metrics.predicted_rationale(a, top_k), truth_of(truth["focus"], a)[0]
    scores = metrics.token_scores(marked, named)
    found = {f"token_{name}": values for name, values in scores.items()}
    found |= {
        "average_precision": metrics.average_precision(marked, a, there),
        "auprc": metrics.auprc(marked, a, there),
        "iou": metrics.iou(marked, named),
        "named": named.any(axis=1),
        "broken": np.isnan(a).any(axis=1),
        "label": truth["label"],
    }
    for way in WAYS:
        found[f"{way}_probabilities"] = np.exp(outputs[way])
    return found


def _agreement(found):
    overlap = metrics.iou_f1(found["iou"], found["named"])
    figures = {name: known_mean(found[name]) for name in AGREEMENT} | {"iou_f1": overlap}
    marked = ~np.isnan(found["iou"])
    return _unless_nan(found["broken"][marked], figures)


def _by_way(found, way):
    labels, p = found["label"], found[f"{way}_probabilities"]
    figures = {"macro_f1": metrics.macro_f1(labels, p), "auroc": metrics.auroc(labels, p)}
    return _unless_nan(found["broken"], figures)


def _unless_nan(broken, figures):
    """The figures; NaN if attention of one of the examples that they are of is."""
    return dict.fromkeys(figures, float("nan")) if broken.any() else figures
