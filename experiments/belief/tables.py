"""Tables of the study: which measure tells true focus from false, and what abstaining gains."""

import numpy as np

from attention_zoo import metrics
from experiments.belief.measured import SIGNS
from experiments.results import markdown, spread

REASONS = ("probability", "certainty", "agreement", "certainty x agreement", "confidence")


def auc(positive, score):
    """`metrics.auc` of what has a score; NaN without both."""
    score = np.asarray(score, float)
    known = ~np.isnan(score)
    return metrics.auc(np.asarray(positive, bool)[known], score[known])


def known(found):
    """The examples whose true segment is known."""
    return ~np.isnan(found["focus_true"])


def of_examples(found, right_alone=False):
    """{measure: AUC for telling examples of true focus from others}, of one model.

    Args:
        found: as of `measured.measure`.
        right_alone: of the examples alone that are predicted right: who is right for the wrong
            reason is harder to tell.
    """
    rows = known(found) & (found["right"].astype(bool) if right_alone else True)
    true = found["focus_true"][rows]
    return {name: auc(true > 0, sign * found[name][rows]) for name, sign in SIGNS.items()}


def models_table(models):
    """A row a kind of model: FT, mass, accuracy, right for the wrong reason, mean measures."""
    names = ["comprehensiveness", "sufficiency", "flip_rate", "deletion_area", "insertion_area"]
    head = ["model", "FT", "mass", "accuracy", "FFPT", *map(_called, names), "certainty", "ECE"]
    rows = []
    for kind, group in models.items():
        figures = [_figures(one) for one in group]
        shown = ["focus_true", "attention_mass", "right", "FFPT", *names, "certainty", "ece"]
        rows.append([kind, *(spread([100 * one[name] for one in figures]) for name in shown)])
    return markdown(head, rows)


def _figures(found):
    rows = known(found)
    true, right = found["focus_true"][rows], found["right"][rows]
    of_all = (*SIGNS, "right", "nll", "ece", "brier")
    means = {name: float(np.nanmean(found[name])) for name in of_all}
    return means | {
        "aurc": metrics.aurc(found["right"], found["probability"]),
        "confidence_aurc": metrics.aurc(found["right"], found["confidence"]),
        "focus_true": float(true.mean()),
        "attention_mass": float(found["attention_mass"][rows].mean()),
        "FFPT": float(np.mean((true == 0) & (right == 1))),
    }


def measures_table(models, right_alone=False):
    """A row a measure, a column a kind of model: the AUC of `of_examples`, mean over seeds."""
    found = {
        kind: [of_examples(one, right_alone) for one in group] for kind, group in models.items()
    }
    rows = [
        [_called(name), *(_mean([one[name] for one in group]) for group in found.values())]
        for name in SIGNS
    ]
    return markdown(["measure", *models], rows)


def _mean(values):
    values = [value for value in values if not np.isnan(value)]
    return f"{np.mean(values):.2f}" if values else "–"


def between_models(models, least=0.95):
    """{measure: AUC for telling models whose FT is `least` or more from the others}.

    Of measures of examples the mean over a model's examples is taken.
    """
    figures = [_figures(one) for group in models.values() for one in group]
    good = [one["focus_true"] >= least for one in figures]
    lower = ("ece", "brier", "nll", "aurc", "confidence_aurc")
    signs = SIGNS | dict.fromkeys(lower, -1) | {"right": 1}
    return {name: auc(good, [sign * one[name] for one in figures]) for name, sign in signs.items()}


def abstaining_table(models, place=False):
    """A row a kind of model: AURC by each reason to abstain, in percent, mean over seeds.

    Args:
        models: {kind: [numbers of a seed]}.
        place: whether a right answer from the wrong segment is an error too; then of the examples
            whose true segment is known.
    """
    rows = []
    for kind, group in models.items():
        by_reason = [_risks(one, place) for one in group]
        cells = [100 * np.mean([one[name] for one in by_reason]) for name in by_reason[0]]
        rows.append([kind, *(f"{cell:.2f}" for cell in cells)])
    return markdown(["model", "no reason (error rate)", *REASONS], rows)


def _risks(found, place):
    rows = known(found) if place else slice(None)
    right = found["right"][rows].astype(bool) & (found["focus_true"][rows] > 0 if place else True)
    both = found["certainty"] * found["agreement"]
    reasons = dict(found) | {"certainty x agreement": both}
    risks = {name: metrics.aurc(right, reasons[name][rows]) for name in REASONS}
    return {"error": float(1 - right.mean())} | risks


def _called(name):
    return name.replace("_", " ")


def page(measured, stability):
    """The tables as Markdown.

    Args:
        measured: {data: {kind of model: [numbers of a seed]}}.
        stability: {(data, kind of model): figures of `evaluate_stability`}.
    """
    parts = []
    for data, models in measured.items():
        if models:
            parts += [f"## {data}", "Models, %:", models_table(models)]
            parts += ["AUC of measures, all examples:", measures_table(models)]
            parts += ["AUC, examples that are right alone:", measures_table(models, True)]
            parts += ["AURC, %:", abstaining_table(models)]
            parts += ["AURC of answer and place, %:", abstaining_table(models, place=True)]
            parts += ["Seeds, on the same examples:", _seeds_table(data, models, stability)]
    found = {
        data: between_models(models, _middle(models)) for data, models in measured.items() if models
    }
    if found:
        rows = [
            [_called(name), *(_mean([one[name]]) for one in found.values())]
            for name in next(iter(found.values()))
        ]
        parts += ["AUC for telling models apart, above and below the median FT:"]
        parts += [markdown(["measure", *found], rows)]
    return "\n\n".join(parts) + "\n"


def _seeds_table(data, models, stability):
    rows = [
        [kind, *(f"{value:.2f}" for value in stability[data, kind].values())]
        for kind in models
        if (data, kind) in stability
    ]
    return markdown(["model", "rank correlation", "same segment"], rows)


def _middle(models):
    """The median FT."""
    return float(np.median([_figures(one)["focus_true"] for g in models.values() for one in g]))
