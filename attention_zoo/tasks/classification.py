"""What tasks of a FocusClassifier have in common: histograms, floors."""

import json

import numpy as np

from attention_zoo import metrics, plots
from attention_zoo._class_names import names_of, numbered
from attention_zoo.callbacks import WarnOnCollapse
from attention_zoo.training.learning_rates import encoder_learns_apart
from attention_zoo.training.task import Task


class ClassificationTask(Task):
    """A task whose model is a `FocusClassifier` and whose targets are {"label", "focus"}."""

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

    def collapse(self, splits, config):
        source = splits["train"].source
        return WarnOnCollapse(source.labels, source.lengths)

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

    def floors(self, splits):
        """Accuracy of the most frequent training label, FT of a segment at random."""
        labels = splits["train"].source.labels
        most_frequent = np.bincount(labels).argmax()
        return {
            name: _without_nan(
                {
                    "accuracy": float(np.mean(split.source.labels == most_frequent)),
                    "focus_accuracy": self.random_focus(split),
                }
            )
            for name, split in splits.items()
        }

    def random_focus(self, split):
        """FT of a segment chosen at random, NaN where no truth is known."""
        return 1.0 / split.num_segments


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


def classes_of(source):
    """What a `Split` of examples of one's own knows of their classes: fields of it by name.

    Where they have no names, the ids of the labels stand in their place.
    """
    names = names_of(source.class_names, source.labels)
    if names is not None:
        return {"class_names": names}
    return {"class_names": numbered(int(source.labels.max()) + 1), "named": False}


def _without_nan(figures):
    return {name: value for name, value in figures.items() if np.isfinite(value)}
