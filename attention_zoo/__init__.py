"""Attention that selects: a focus model picks a segment, a classification model reads it.

    import attention_zoo as az

    model = az.FocusClassifier(focus, classifier, attention="lvml")

The method is that of arXiv:2307.13421.
"""

from attention_zoo import (
    callbacks,
    datasets,
    dynamics,
    layers,
    losses,
    metrics,
    models,
    ops,
    optimizers,
    plots,
    report,
    zoo,
)
from attention_zoo._version import __version__
from attention_zoo.evaluation import (
    CaptionEvaluation,
    Evaluation,
    RationaleEvaluation,
    evaluate,
    evaluate_captions,
    evaluate_rationales,
)
from attention_zoo.export import export
from attention_zoo.models import FocusClassifier

__all__ = [
    "CaptionEvaluation",
    "Evaluation",
    "FocusClassifier",
    "RationaleEvaluation",
    "__version__",
    "callbacks",
    "datasets",
    "dynamics",
    "evaluate",
    "evaluate_captions",
    "evaluate_rationales",
    "export",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "plots",
    "report",
    "zoo",
]
