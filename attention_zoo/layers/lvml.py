"""Latent-variable marginal likelihood: average the likelihoods of the segments."""

from attention_zoo import ops
from attention_zoo.layers.base import Attention
from attention_zoo.layers.masks import masked
from attention_zoo.layers.registry import attention


@attention("lvml")
class LVMLAttention(Attention):
    """Classifies every segment, then averages likelihoods: the marginal over the latent z.

        q(y) = log sum_j a_j p_j(y),  p_j = softmax(g(x_j))

    A call, `layer(values, scores)`, is the weighted average as in `SoftAttention`; only
    `class_scores` differs, which a functional model has to call (examples/class_scores.py).

    Computed in log space. A row without segments has q = 0, and adds nothing to loss or gradient.

    Reference: arXiv:2307.13421, latent variable marginal likelihood (LVML) loss.
    """

    inference = "marginal"

    def class_scores(self, classify, segments, scores, mask=None, training=None):
        segments, mask = masked(segments, scores, mask)
        log_p = ops.log_likelihoods(ops.map_segments(classify, segments, mask))  # (b, m, c)
        q = ops.log_average(log_p, self.log_attend(scores, mask))
        return q, self.attend(scores, mask)
