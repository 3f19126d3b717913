"""Evaluation of a model of bags: ranking and balance of its answers, and whether it finds keys."""

import dataclasses

import numpy as np

from attention_zoo import metrics
from attention_zoo.evaluation.classification import (
    Evaluation,
    mean_as_focus,
    percent,
    predictions,
    tallied,
    truth_of,
)
from attention_zoo.evaluation.every_way import EveryWay
from attention_zoo.models.attention_model import warn_of_broken_weights

BY_WAY = ("auroc", "average_precision", "balanced_accuracy")


@dataclasses.dataclass(frozen=True)
class BagEvaluation(Evaluation):
    """The result of `evaluate_bags`: an `Evaluation` and more.

    Attributes:
        instance_auroc: chance that attention ranks a key instance of a bag above another of the
            same bag, ties half; mean over the bags that have both; NaN if there are none.
        by_way: for each way to predict "auroc" and "balanced_accuracy" of the bags, and
            "average_precision", of class 1 against class 0; NaN where a class is missing, of more
            than two classes for the last.
    """

    instance_auroc: float
    by_way: dict[str, dict[str, float]]

    def scalars(self):
        """All figures but the histograms, flat; what is not known (NaN) is left out."""
        more = {"instance_auroc": self.instance_auroc}
        for way, figures in self.by_way.items():
            more |= {f"{way}_{name}": value for name, value in figures.items()}
        return super().scalars() | {k: float(v) for k, v in more.items() if np.isfinite(v)}

    def table(self):
        """The figures as a table in plain text, in percent."""
        names = [name.replace("_", " ") for name in BY_WAY]
        lines = [super().table(), "prediction" + "".join(f"{name:>19}" for name in names)]
        for way, figures in self.by_way.items():
            lines.append(f"{way:<10}" + "".join(f"{percent(figures[k]):>19}" for k in BY_WAY))
        if np.isfinite(self.instance_auroc):
            lines.append(f"key instances, AUROC within a bag {percent(self.instance_auroc)}")
        return "\n".join(lines)


def evaluate_bags(model, dataset, *, bins=5):
    """Evaluates a FocusClassifier on bags, under all three ways to predict.

    Args:
        model: a FocusClassifier, or an `EveryWay` of one, to compile it once for several calls.
        dataset: as for `evaluate`; the focus is a 0/1 mask (b, m) of the key instances, all 0 where
            they are not known, or an index (b,).
        bins: as for `evaluate`.

    Returns:
        A `BagEvaluation`.
    """
    run = model if isinstance(model, EveryWay) else EveryWay(model)
    warn_of_broken_weights(run.model)
    instances = []

    def looked_at():
        for inputs, truth, outputs in predictions(run, dataset):
            instances.append(_instance_auroc(truth["focus"], outputs))
            yield inputs, truth, outputs

    whole = tallied(looked_at(), bins)
    fields = {field.name: getattr(whole, field.name) for field in dataclasses.fields(whole)}
    return BagEvaluation(
        **fields,
        instance_auroc=mean_as_focus(np.concatenate(instances), whole.focus_accuracy),
        by_way={k: bag_scores(whole.labels, way.probabilities) for k, way in whole.ways.items()},
    )


def bag_scores(labels, probabilities):
    """AUROC, average precision and balanced accuracy of class ids (n,) and probabilities (n, c)."""
    return {
        "auroc": metrics.auroc(labels, probabilities),
        "average_precision": metrics.class_average_precision(labels, probabilities),
        "balanced_accuracy": metrics.balanced_accuracy(labels, probabilities),
    }


def _instance_auroc(focus, outputs):
    """Of every bag, (b,); NaN where it has no known keys, or nothing else."""
    a, there = outputs["focus"], outputs["mask"]
    keys, _ = truth_of(focus, a)
    return np.array([metrics.auc(k[t], x[t]) for k, x, t in zip(keys, a, there, strict=True)])
