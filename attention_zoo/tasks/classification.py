"""What tasks of a FocusClassifier have in common: histograms, floors."""

import dataclasses
import json

import numpy as np

from attention_zoo import metrics, plots
from attention_zoo._class_names import ids_of, names_of, numbered
from attention_zoo.callbacks import WarnOnCollapse
from attention_zoo.evaluation import evaluate
from attention_zoo.training.learning_rates import encoder_learns_apart
from attention_zoo.training.task import Task, as_split


class ClassificationTask(Task):
    """A task whose model is a `FocusClassifier` and whose targets are {"label", "focus"}.

    It adds evaluation under all three ways to predict, calibration and joint histograms, a watch on
    collapse, floors, and rates for focus network, classifier and encoder. `evaluate` gives an
    `az.evaluation.Evaluation`, or a subclass.

    What it would like to know of the data, and does without: class ids `labels` (n,) of the
    examples, `class_names` of the split, and its `num_segments`, or the method `random_focus`.
    """

    others = "classifier"

    def rates(self, config):
        """The focus network at learning_rate, all else at classifier_learning_rate if it is set.

        The encoder at encoder_learning_rate, where one is trained apart.
        """
        apart = encoder_learns_apart(config)
        if config.classifier_learning_rate is None and not apart:
            return {}
        others = config.classifier_learning_rate or config.learning_rate
        encoder = {"encoder": config.encoder_learning_rate or others} if apart else {}
        return {"focus": config.learning_rate, "classifier": others} | encoder

    def accept(self, data, config):
        """As of `Task`; classes without names have their ids for names."""
        split = super().accept(data, config)
        labels = self.labels(split)
        if split.class_names or labels is None:
            return split
        return dataclasses.replace(split, **_classes_of(None, labels))

    def evaluate(self, model, split, config):
        return evaluate(model, split.source.dataset(256))

    def labels(self, split):
        """The class ids (n,) of a split's examples, None where they do not say.

        Raises:
            ValueError: labels of the examples that are no class ids.
        """
        labels = getattr(split.source, "labels", None)
        return None if labels is None else ids_of(labels, len(split.source), split.source.kind)

    def collapse(self, splits, config):
        """Without labels all classes are taken for equally frequent."""
        return WarnOnCollapse(self.labels(splits["train"]), splits["train"].source.lengths)

    def figures(self, model, split, evaluation, config):
        """Calibration; the joint histogram of attention and likelihood, where truth is known."""
        found = {}
        if not np.isnan(evaluation.reasons["confidence"]).any():
            found["calibration"] = plots.calibration(*_calibration(model, evaluation))
        if not evaluation.num_known:
            return found
        histogram = evaluation.ways[model.way_to_predict].histogram
        return found | {"joint_histogram": plots.joint_histogram(histogram, truth=self.words.truth)}

    def facts(self, splits):
        return {"pictures": {"calibration": _CALIBRATION}}

    def files(self, model, splits, evaluations, config):
        """The joint histograms, counts by split and way to predict, and the model's own way."""
        splits = {
            split: {way: found.histogram.tolist() for way, found in one.ways.items()}
            for split, one in evaluations.items()
        }
        content = {"way_to_predict": model.way_to_predict, "splits": splits}
        return {"histograms.json": json.dumps(content) + "\n"}

    def floors(self, splits, training):
        """Accuracy of the most frequent training label, FT of a segment at random, where known."""
        labels = self.labels(training)
        commonest = None if labels is None else np.bincount(labels).argmax()
        return {name: self._floors_of(split, commonest) for name, split in splits.items()}

    def _floors_of(self, split, commonest):
        found = {"focus_accuracy": self.random_focus(split)}
        if commonest is not None:
            found["accuracy"] = float(np.mean(self.labels(split) == commonest))
        return {name: found[name] for name in sorted(found) if np.isfinite(found[name])}

    def random_focus(self, split):
        """FT of a segment chosen at random, NaN where no truth is known.

        Here 1 over the split's `num_segments`, NaN where it has none.
        """
        return 1.0 / getattr(split, "num_segments", float("nan"))


_CALIBRATION = (
    "Left: share of right answers among those of about one probability, by way to predict. Right: "
    "error rate as more examples are answered, the surest first, by what says how sure: the "
    "probability of the answer, the certainty of attention, the agreement of the ways to predict, "
    "or their product, the confidence."
)


def _calibration(model, evaluation):
    """Bins of reliability by way to predict; risks by reason to abstain, by the model's own way."""
    labels, ways = evaluation.labels, evaluation.ways
    bins = {name: metrics.reliability(labels, way.probabilities) for name, way in ways.items()}
    right = ways[model.way_to_predict].probabilities.argmax(axis=1) == labels
    risks = {name: metrics.risk_coverage(right, x) for name, x in evaluation.reasons.items()}
    return bins, risks


def accepted(data, examples, split, maker):
    """`as_split` of examples that have labels, and maybe names of their classes.

    Args:
        data, examples, split: as there.
        maker: what makes such examples, for the error.
    """
    expected = f"{examples.__name__}, such as {maker} makes"
    return as_split(data, examples, split, expected, _fields)


def _fields(data):
    return {"name": data.kind, **_classes_of(data.class_names, data.labels)}


def _classes_of(names, labels):
    """What a `Split` of examples of one's own knows of their classes: fields of it by name.

    Where they have no names, the ids of the labels stand in their place.
    """
    names = names_of(names, labels)
    if names is not None:
        return {"class_names": names}
    return {"class_names": numbered(int(labels.max()) + 1), "named": False}
