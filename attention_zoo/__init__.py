"""Attention that selects: a focus model picks a segment, a classification model reads it.

    import attention_zoo as az

    model = az.FocusClassifier(focus, classifier, attention="lvml")

The method is that of arXiv:2307.13421. What a saved model needs is imported at once, so that Keras
can load it; the rest (data sets, tasks, reports, plots) on first use. In the package's commands all
is imported on first use: they know which, and print their help without Keras. TensorFlow need not
be installed where Keras runs on JAX or PyTorch: what does need it (tasks, exported models,
pipelines of data) says so.
"""

import typing

from attention_zoo._lazy import in_command, on_first_use
from attention_zoo._version import __version__

if typing.TYPE_CHECKING or not in_command():
    from attention_zoo import layers, losses, metrics, models, ops, optimizers
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
    from attention_zoo._explain import CaptionExplanation, Explanation
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

__all__ = [
    "BagEvaluation",
    "CaptionEvaluation",
    "CaptionExplanation",
    "Evaluation",
    "Explanation",
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
    "explain",
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

__getattr__, __dir__ = on_first_use(
    __name__,
    {
        "BagEvaluation": "attention_zoo.evaluation",
        "CaptionEvaluation": "attention_zoo.evaluation",
        "CaptionExplanation": "attention_zoo._explain",
        "Evaluation": "attention_zoo.evaluation",
        "Explanation": "attention_zoo._explain",
        "FocusClassifier": "attention_zoo.models",
        "RationaleEvaluation": "attention_zoo.evaluation",
        "Task": "attention_zoo.tasks",
        "callbacks": "attention_zoo.callbacks",
        "datasets": "attention_zoo.datasets",
        "dynamics": "attention_zoo.dynamics",
        "evaluate": "attention_zoo.evaluation",
        "evaluate_bags": "attention_zoo.evaluation",
        "evaluate_captions": "attention_zoo.evaluation",
        "evaluate_rationales": "attention_zoo.evaluation",
        "evaluation": "attention_zoo.evaluation",
        "explain": "attention_zoo._explain",  # a function here, as `export`
        "export": "attention_zoo._export",
        "layers": "attention_zoo.layers",
        "losses": "attention_zoo.losses",
        "metrics": "attention_zoo.metrics",
        "models": "attention_zoo.models",
        "ops": "attention_zoo.ops",
        "optimizers": "attention_zoo.optimizers",
        "plots": "attention_zoo.plots",
        "report": "attention_zoo.report",
        "sweep": "attention_zoo.tasks",
        "tasks": "attention_zoo.tasks",
        "train": "attention_zoo.tasks",
        "training": "attention_zoo.training",
        "zoo": "attention_zoo.zoo",
    },
)
