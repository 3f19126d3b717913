"""Attention that selects: a focus model picks a segment, a classification model reads it.

    import attention_zoo as az

    model = az.FocusClassifier(focus, classifier, attention="lvml")

The method is that of arXiv:2307.13421. What a saved model needs is imported at once, so that Keras
can load it; the rest (data sets, tasks, reports, plots) on first use.
"""

import importlib
import typing

from attention_zoo import layers, losses, metrics, models, ops, optimizers
from attention_zoo._version import __version__
from attention_zoo.models import FocusClassifier

if typing.TYPE_CHECKING:
    from attention_zoo import (
        callbacks,
        datasets,
        dynamics,
        evaluation,
        plots,
        report,
        tasks,
        training,
        zoo,
    )
    from attention_zoo.evaluation import (
        BagEvaluation,
        CaptionEvaluation,
        Evaluation,
        RationaleEvaluation,
        evaluate,
        evaluate_bags,
        evaluate_captions,
        evaluate_rationales,
    )
    from attention_zoo.tasks import Task, sweep, train

_ON_FIRST_USE = {
    "BagEvaluation": "evaluation",
    "CaptionEvaluation": "evaluation",
    "Evaluation": "evaluation",
    "RationaleEvaluation": "evaluation",
    "Task": "tasks",
    "evaluate": "evaluation",
    "evaluate_bags": "evaluation",
    "evaluate_captions": "evaluation",
    "evaluate_rationales": "evaluation",
    "export": "_export",
    "sweep": "tasks",
    "train": "tasks",
} | dict.fromkeys(
    (
        "callbacks",
        "datasets",
        "dynamics",
        "evaluation",
        "plots",
        "report",
        "tasks",
        "training",
        "zoo",
    )
)

__all__ = [
    "BagEvaluation",
    "CaptionEvaluation",
    "Evaluation",
    "FocusClassifier",
    "RationaleEvaluation",
    "Task",
    "__version__",
    "callbacks",
    "datasets",
    "dynamics",
    "evaluate",
    "evaluate_bags",
    "evaluate_captions",
    "evaluate_rationales",
    "evaluation",
    "export",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "plots",
    "report",
    "sweep",
    "tasks",
    "train",
    "training",
    "zoo",
]


def __getattr__(name):
    if name not in _ON_FIRST_USE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    room = _ON_FIRST_USE[name]
    module = importlib.import_module(f"{__name__}.{room or name}")
    found = getattr(module, name) if room else module
    globals()[name] = found  # `export` is a function here, and a module to the import system
    return found


def __dir__():
    return sorted({*globals(), *__all__})
