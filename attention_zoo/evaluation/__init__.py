"""Evaluation: three ways to predict, the breakdown, rationales."""

from attention_zoo.evaluation.every_way import (
    Evaluation,
    WayToPredict,
    attention_on_truth,
    evaluate,
)
from attention_zoo.evaluation.rationales import RationaleEvaluation, evaluate_rationales

__all__ = [
    "Evaluation",
    "RationaleEvaluation",
    "WayToPredict",
    "attention_on_truth",
    "evaluate",
    "evaluate_rationales",
]
