"""Evaluation: three ways to predict, the breakdown, rationales, captions, what can be believed."""

from attention_zoo.evaluation.agreement import (
    AttentionAgreement,
    evaluate_agreement,
    evaluate_stability,
)
from attention_zoo.evaluation.bags import BagEvaluation, evaluate_bags
from attention_zoo.evaluation.captions import CaptionEvaluation, evaluate_captions
from attention_zoo.evaluation.classification import (
    Evaluation,
    WayToPredict,
    attention_on_truth,
    evaluate,
)
from attention_zoo.evaluation.rationales import RationaleEvaluation, evaluate_rationales

__all__ = [
    "AttentionAgreement",
    "BagEvaluation",
    "CaptionEvaluation",
    "Evaluation",
    "RationaleEvaluation",
    "WayToPredict",
    "attention_on_truth",
    "evaluate",
    "evaluate_agreement",
    "evaluate_bags",
    "evaluate_captions",
    "evaluate_rationales",
    "evaluate_stability",
]
