"""Attention that selects: a focus model picks a segment, a classification model reads it.

    import attention_zoo as az

    model = az.FocusClassifier(focus, classifier, attention="lvml")

The method is that of arXiv:2307.13421. What a saved model needs is imported at once, so that Keras
can load it; the rest (data sets, tasks, reports, plots) on first use. TensorFlow need not be
installed where Keras runs on JAX or PyTorch: what does need it (tasks, exported models, pipelines
of data) says so.
"""

import typing

from attention_zoo import layers, losses, metrics, models, ops, optimizers
from attention_zoo._tensorflow import on_first_use
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
        CaptionEvaluation,
        Evaluation,
        RationaleEvaluation,
        evaluate,
        evaluate_captions,
        evaluate_rationales,
    )
    from attention_zoo.tasks import Task, sweep, train

_ON_FIRST_USE = {
    "CaptionEvaluation": "evaluation",
    "Evaluation": "evaluation",
    "RationaleEvaluation": "evaluation",
    "Task": "tasks",
    "evaluate": "evaluation",
    "evaluate_captions": "evaluation",
    "evaluate_rationales": "evaluation",
    "export": "_export",
    "sweep": "tasks",
    "train": "tasks",
} | {
    room: room
    for room in (
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
}

__all__ = [
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


_find = on_first_use(__name__, _ON_FIRST_USE)


def __getattr__(name):
    globals()[name] = found = _find(name)  # `export` is a function, and a module to imports
    return found


def __dir__():
    return sorted({*globals(), *__all__})
