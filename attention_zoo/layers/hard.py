"""Hard attention, exact: average the log-likelihoods of the segments."""

from attention_zoo import ops
from attention_zoo.layers.base import Attention
from attention_zoo.layers.masks import masked
from attention_zoo.layers.registry import attention


@attention("hard")
class HardAttention(Attention):
    """Classifies every segment, then averages log-likelihoods: the expectation over z ~ a.

        q(y) = sum_j a_j log p_j(y),  p_j = softmax(g(x_j))

    A call, `layer(values, scores)`, is the weighted average as in `SoftAttention`; only
    `class_scores` differs, which a functional model has to call (examples/class_scores.py).

    q is no log-probability: exp(q) sums to at most 1 over the classes and must not be
    renormalised. A row without segments has q = 0, and adds nothing to loss or gradient.

    Reference: arXiv:2307.13421, hard attention loss.
    """

    inference = "argmax"

    def class_scores(self, classify, segments, scores, mask=None, training=None):
        segments, mask = masked(segments, scores, mask)
        log_p = ops.log_likelihoods(ops.map_segments(classify, segments, mask))  # (b, m, c)
        a = self.attend(scores, mask)
        return ops.average(log_p, a), a
