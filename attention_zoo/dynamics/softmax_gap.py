"""What a softmax gives one option among n, as a function of its gap to the n - 1 equal others."""

import numpy as np
from scipy.special import expit, logit


def share(gap, n):
    """e^gap / (e^gap + n - 1): attention a of nu and m, probability b of mu and C."""
    return expit(gap - np.log(n - 1.0))


def rest(gap, n):
    """1 - share(gap, n), with all its digits where the share is nearly 1."""
    return expit(np.log(n - 1.0) - gap)


def gap_of(share, n):
    """The gap that makes this share; infinite for 0 and 1."""
    return logit(share) + np.log(n - 1.0)
