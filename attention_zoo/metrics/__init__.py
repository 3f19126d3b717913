"""How often attention finds the true segment, what that does to prediction, what can be read off.

`FocusAccuracy`, `FocusBreakdown` and `AttentionEntropy` are Keras metrics. The others are functions
of NumPy arrays: for segments with a rationale a number a post, for captions a number a picture, and
`caption_scores` of them all.
"""

from attention_zoo.metrics._auc import auc
from attention_zoo.metrics.attention_entropy import AttentionEntropy
from attention_zoo.metrics.calibration import (
    aurc,
    brier_score,
    calibration_error,
    reliability,
    risk_coverage,
)
from attention_zoo.metrics.captions import caption_scores, has_scores, missing_scores
from attention_zoo.metrics.classification import (
    auroc,
    balanced_accuracy,
    class_average_precision,
    macro_f1,
)
from attention_zoo.metrics.faithfulness import (
    comprehensiveness,
    curve_area,
    flips,
    sufficiency,
)
from attention_zoo.metrics.focus_accuracy import FocusAccuracy
from attention_zoo.metrics.focus_breakdown import FocusBreakdown
from attention_zoo.metrics.grounding import word_diversity, word_entropy
from attention_zoo.metrics.rank_agreement import rank_correlation
from attention_zoo.metrics.rationales import (
    attention_mass,
    auprc,
    average_precision,
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
    "auc",
    "auprc",
    "aurc",
    "auroc",
    "average_precision",
    "balanced_accuracy",
    "brier_score",
    "calibration_error",
    "caption_scores",
    "class_average_precision",
    "comprehensiveness",
    "curve_area",
    "flips",
    "has_scores",
    "iou",
    "iou_f1",
    "macro_f1",
    "missing_scores",
    "predicted_rationale",
    "rank_correlation",
    "reliability",
    "risk_coverage",
    "sufficiency",
    "token_scores",
    "word_diversity",
    "word_entropy",
]
