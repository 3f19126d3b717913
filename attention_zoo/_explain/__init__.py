"""Explanations: where a model looked, and what its prediction rests on."""

from attention_zoo._explain.caption_explanation import CaptionExplanation
from attention_zoo._explain.explain import explain
from attention_zoo._explain.explanation import Explanation

__all__ = ["CaptionExplanation", "Explanation", "explain"]
