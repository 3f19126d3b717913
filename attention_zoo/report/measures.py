"""Measures of a run: what they are called, how they are shown, and which way is better."""

from attention_zoo.plots.breakdown import AREAS
from attention_zoo.plots.training_curves import TITLES

WAYS = ("argmax", "marginal", "soft")
BREAKDOWN = tuple(AREAS)

# Of attention; by a way to predict the same name is that of a measure of the probabilities.
OF_CLASSES = {"average_precision": "class_average_precision"}
_PERCENT = {  # as in `Evaluation.table` and `RationaleEvaluation.table`
    *("accuracy", "focus_accuracy", *BREAKDOWN),
    *("macro_f1", "auroc", "comprehensiveness", "sufficiency"),
    *("attention_mass", "average_precision", "token_precision", "token_recall", "token_f1"),
    *("auprc", "iou_f1"),
    *("balanced_accuracy", "class_average_precision", "instance_auroc"),
    *("flip_rate", "deletion_area", "insertion_area", "ece"),
}
_LOWER = {
    *("nll", "FFPF", "sufficiency", "deletion_area", "perplexity"),
    *("ece", "brier", "aurc", "confidence_aurc"),
}
_HIGHER = _PERCENT - _LOWER - {"FFPT", "FTPF"} | {
    *("bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "cider", "meteor")
}
_FLOORS = ("accuracy", "macro_f1", "focus_accuracy")
_PERCENT |= {f"tf_idf_{name}" for name in _FLOORS}
_NAMES = {
    "focus_accuracy": TITLES["focus"],
    "entropy": "attention entropy, nats",
    "attention_entropy": "attention entropy of a word, nats",
    "nll": "NLL, nats",
    "ece": "ECE",
    "brier": "Brier score",
    "aurc": "AURC",
    "confidence_aurc": "AURC by confidence",
    **{f"bleu_{n}": f"BLEU-{n}" for n in range(1, 5)},
    "rouge_l": "ROUGE-L",
    "cider": "CIDEr",
    "meteor": "METEOR",
    "auroc": "AUROC",
    "instance_auroc": "AUROC of key instances",
    "auprc": "AUPRC (trapezoids)",
    "macro_f1": "macro F1",
    "token_f1": "token F1",
    "iou_f1": "IOU F1",
    "num_pictures": "pictures",
    "num_left_out": "examples of which nothing is left",
    "drive": "drive to focus",
}
_NAMES |= {f"tf_idf_{k}": f"{_NAMES.get(k, k)} of TF-IDF and logistic regression" for k in _FLOORS}


def floors_line(results):
    """What chance and simple baselines give on the test examples; "" where it is not known."""
    floors = results.get("floors", {}).get("test", {})
    return ", ".join(f"{title(name)} {shown(name, value)}" for name, value in floors.items())


def split_way(name):
    """("argmax", "accuracy") of "argmax_accuracy"; (None, name) of a figure of no way.

    By a way to predict a measure of `OF_CLASSES` has another name than in results.json.
    """
    way, _, measure = name.partition("_")
    return (way, OF_CLASSES.get(measure, measure)) if way in WAYS else (None, name)


def title(name):
    """What a measure is called in a table."""
    return _NAMES.get(name, name.replace("_", " "))


def column_title(name):
    """What a measure is called where those of other ways to predict stand beside it."""
    way, measure = split_way(name)
    return f"{title(measure)} by {way}" if way else title(measure)


def shown(name, value):
    """A figure in the digits of the evaluation's own table; "–" where there is none."""
    measure = split_way(name)[1]
    if value is None or value != value:
        return "–"
    text = format(value, _digits(measure, value))
    return text if text.strip("-0.%") else text.lstrip("-")  # what rounds to zero has no sign


def _digits(measure, value):
    if measure in _PERCENT:
        return ".1%"
    if measure in ("nll", "brier", "aurc", "confidence_aurc"):
        return ".4f"
    if measure.startswith("num_"):
        return ".1f" if value % 1 else ".0f"  # a mean of counts need not be whole
    return ".3f"


def best(name, values):
    """Which of some runs' values are the best: bools, all False where no value is better.

    Values that are shown alike are equally good.

    Args:
        name: of the measure.
        values: numbers, None where a run has none.
    """
    measure, known = split_way(name)[1], [v for v in values if v is not None and v == v]
    if measure not in _HIGHER | _LOWER or len(known) < 2:
        return [False] * len(values)
    top = shown(name, max(known) if measure in _HIGHER else min(known))
    marks = [shown(name, value) == top for value in values]
    return [False] * len(values) if sum(marks) == len(known) else marks
