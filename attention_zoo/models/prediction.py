"""Three ways to predict from a focus model and a classification model, however trained.

Each takes `classify` (a batch of single segments -> logits), the segments (b, m, ...) and the
attention a (b, m), and returns class log-probabilities (b, c) in nats.

Reference: arXiv:2307.13421, section on inference.
"""

import math

from keras import ops as kops

from attention_zoo import ops


def argmax(classify, segments, a):
    """log p(. | x_j), j = argmax a: one run of the classifier, on the chosen segment only.

    NaN where a is NaN: no segment can be chosen then.
    """
    return nan_where_nan(a, ops.log_likelihoods(classify(ops.choose_segment(segments, a))))


def marginal(classify, segments, a):
    """log sum_j a_j p_j: the classifier runs on every segment.

    Uniform over the classes where all a_j are 0: a row without segments says nothing.
    """
    return averaged(ops.log_likelihoods(ops.map_segments(classify, segments)), a)


def averaged(log_p, a):
    """The same of the segments' log-likelihoods (b, m, c)."""
    empty = kops.all(a <= 0.0, axis=1, keepdims=True)  # (b, 1)
    return kops.where(empty, -math.log(log_p.shape[-1]), ops.log_average(log_p, ops.safe_log(a)))


def soft(classify, segments, a):
    """log softmax(g(sum_j a_j x_j)): one run of the classifier, on the average segment.

    NaN where a is NaN, which a ReLU of the classifier may make 0 of.
    """
    return nan_where_nan(a, ops.log_likelihoods(classify(ops.average(segments, a))))


def nan_where_nan(a, q):
    """q (b, c), NaN in the rows where attention a (b, m) is."""
    return ops.nan_where(kops.any(kops.isnan(a), axis=1), q)


WAYS = {"argmax": argmax, "marginal": marginal, "soft": soft}
