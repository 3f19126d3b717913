"""What is measured of a model of the study: a number an example, and figures of the whole."""

import numpy as np

from attention_zoo._explain.attributions import METHODS
from attention_zoo.evaluation import evaluate_agreement
from attention_zoo.evaluation.belief import REASONS, RESTS_ON, Belief
from attention_zoo.evaluation.classification import attention_on_truth, predictions, truth_of
from attention_zoo.evaluation.every_way import EveryWay

# For each measure 1 where more of it speaks for attention, -1 where less of it does.
SIGNS = {
    "comprehensiveness": 1,
    "sufficiency": -1,
    "flip_rate": 1,
    "deletion_area": -1,
    "insertion_area": 1,
    **dict.fromkeys(REASONS, 1),
    **dict.fromkeys(METHODS, 1),
}


def measure(model, split, most=1000):
    """Numbers of up to `most` test examples, arrays by name.

    "focus_true", "right" and "attention_mass"; all of `SIGNS`, of the model's own way to predict;
    "focus", where it looked.
    """
    source = split.source.head(most)
    run, belief = EveryWay(model, curves=True), Belief()
    mass, focus, true = [], [], []
    for _, truth, outputs in predictions(run, source.dataset(250)):
        belief.update(truth, outputs)
        a = outputs["focus"]
        on_truth, chosen = attention_on_truth(truth["focus"], a), a.argmax(axis=1)
        hit = truth_of(truth["focus"], a)[0][np.arange(len(a)), chosen]
        mass.append(on_truth)
        focus.append(chosen)
        true.append(np.where(np.isnan(on_truth), np.nan, hit))
    found, way = belief.examples(), model.way_to_predict
    agreement = evaluate_agreement(model, source.dataset(250)).examples
    numbers = {name: found[name] for name in REASONS} | {m: agreement[m] for m in METHODS}
    numbers |= {name: found[f"{way}_{name}"] for name in RESTS_ON}
    figures = {name: belief.figures()[way][name] for name in ("ece", "brier", "aurc")}
    return (
        numbers
        | figures
        | {
            "right": found[f"{way}_right"],
            "labels": found["label"],
            "nll": -np.log(np.maximum(_of_label(found[f"{way}_p"], found["label"]), 1e-12)),
            "focus_true": np.concatenate(true),
            "attention_mass": np.concatenate(mass),
            "focus": np.concatenate(focus),
        }
    )


def _of_label(p, labels):
    return p[np.arange(len(labels)), labels]
