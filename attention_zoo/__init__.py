"""Attention that selects: a focus model picks a segment, a classification model reads it.

    import attention_zoo as az

    model = az.FocusClassifier(focus, classifier, attention="lvml")

The method is that of arXiv:2307.13421.
"""

from attention_zoo import (
    callbacks,
    datasets,
    layers,
    losses,
    metrics,
    models,
    ops,
    optimizers,
    plots,
)
from attention_zoo._version import __version__
from attention_zoo.evaluation import Evaluation, evaluate
from attention_zoo.export import export
from attention_zoo.models import FocusClassifier

__all__ = [
    "Evaluation",
    "FocusClassifier",
    "__version__",
    "callbacks",
    "datasets",
    "evaluate",
    "export",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "plots",
]
