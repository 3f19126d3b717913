"""Where a caption's attention goes: how peaked it is at a word, how much it moves between words.

Letters: a_tj the attention of word t on region j, T the words of the caption. Neither figure says
whether attention is right; uniform attention has entropy log R and diversity 0.
"""

import numpy as np


def word_entropy(attention, words):
    """Mean over the words of a caption of -sum_j a_tj log a_tj, in nats: 0 to log R.

    Args:
        attention: (n, T, R), rows that sum to 1.
        words: bool (n, T), True for the words that are there.

    Returns:
        (n,); NaN for captions without words.
    """
    a, there = _checked(attention, words)
    entropy = -np.sum(a * np.log(np.where(a > 0, a, 1.0)), axis=-1)  # (n, T)
    return _share(np.sum(entropy * there, axis=1), there.sum(axis=1))


def word_diversity(attention, words):
    """How much the attention of two words of a caption differs, a mean over all pairs of them.

        2 / (T (T - 1)) sum_{t < u} (1 - sum_j min(a_tj, a_uj))

    0 where all words look at the same regions in the same shares, 1 where no two words share a
    region: the total variation distance of the two.

    Args:
        attention, words: as of `word_entropy`.

    Returns:
        (n,); NaN for captions of less than two words.
    """
    a, there = _checked(attention, words)
    apart, pairs = np.zeros(len(a)), np.zeros(len(a))
    for step in range(1, a.shape[1]):  # words t and t + step
        both = there[:, step:] & there[:, :-step]
        common = np.minimum(a[:, step:], a[:, :-step]).sum(axis=-1)
        apart += np.sum((1.0 - common) * both, axis=1)
        pairs += both.sum(axis=1)
    return _share(apart, pairs)


def _checked(attention, words):
    a, there = np.asarray(attention, "float64"), np.asarray(words, bool)
    if a.ndim != 3 or there.shape != a.shape[:2]:
        raise ValueError(
            f"attention has shape {a.shape}, words have shape {there.shape}, expected (n, T, R) "
            "and (n, T)"
        )
    return a, there


def _share(total, count):
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
