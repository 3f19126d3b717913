"""Soft attention: classify the average segment."""

from attention_zoo import ops
from attention_zoo.layers.base import Attention
from attention_zoo.layers.registry import attention


@attention("soft")
class SoftAttention(Attention):
    """Averages the segments, then classifies once.

        q(y) = log softmax(g(sum_j a_j x_j))_y

    A call, `layer(values, scores)`, is the weighted average sum_j a_j x_j, in a functional model as
    anywhere. That of hard, LVML and hybrid attention is the same: they differ in `class_scores`.

    A row without segments is classified as a segment of zeros.

    Reference: arXiv:2307.13421, soft attention loss.
    """

    inference = "soft"

    def class_scores(self, classify, segments, scores, mask=None, training=None):
        context, a = self(segments, scores, mask=mask, training=training)  # (b, ...), (b, m)
        return ops.log_likelihoods(classify(context)), a
