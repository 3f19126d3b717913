"""How often attention finds the true segment, what that does to prediction, what can be read off.

`FocusAccuracy`, `FocusBreakdown` and `AttentionEntropy` are Keras metrics. The others, for
segments with a rationale, are functions of NumPy arrays that give a number a post.
"""

from attention_zoo.metrics.attention_entropy import AttentionEntropy
from attention_zoo.metrics.classification import auroc, macro_f1
from attention_zoo.metrics.faithfulness import comprehensiveness, sufficiency
from attention_zoo.metrics.focus_accuracy import FocusAccuracy
from attention_zoo.metrics.focus_breakdown import FocusBreakdown
from attention_zoo.metrics.rationales import (
    attention_mass,
    auprc,
    iou,
    iou_f1,
    predicted_rationale,
    token_scores,
)

__all__ = [
    "AttentionEntropy",
    "FocusAccuracy",
    "FocusBreakdown",
    "attention_mass",
    "auprc",
    "auroc",
    "comprehensiveness",
    "iou",
    "iou_f1",
    "macro_f1",
    "predicted_rationale",
    "sufficiency",
    "token_scores",
]
