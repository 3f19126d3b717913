"""FixedFocusScores: class scores of soft, hard and LVML attention under a focus that is held."""

import functools
import math

import keras
from keras import ops

from attention_zoo.ops import log_likelihoods
from experiments.held_focus.stacked_ensemble import StackedEnsemble


class FixedFocusScores(keras.layers.Layer):
    """A classification network g for each loss and each alpha, and their scores of the label.

    Attention is alpha on the true segment z, the first one, and (1 - alpha)/(m - 1) on each of the
    others, j, so that with means over these

        soft:  q = log softmax(g(alpha x_z + (1 - alpha) mean_j x_j))_y
        hard:  q = alpha log p_z(y) + (1 - alpha) mean_j log p_j(y)
        LVML:  q = log(alpha p_z(y) + (1 - alpha) mean_j p_j(y))

    The networks share no weights, but work: hard's and LVML's read the same segments; see
    `StackedEnsemble`.

    Args:
        network: a built network, (n, ...) -> (n, c) logits, whose weights all start from.
        attentions: some of "soft", "hard", "lvml".
        alphas: numbers above 0 and up to 1, rising.

    Reference: arXiv:2307.13421, fixed focus.
    """

    def __init__(self, network, *, attentions, alphas):
        super().__init__(name="scores")
        self.attentions = tuple(attentions)
        self.alphas = tuple(alphas)
        self._readers = tuple(name for name in attentions if name != "soft")
        if "soft" in attentions:
            self.of_averages = StackedEnsemble(network, len(self.alphas))
        if self._readers:  # those of the last alpha come last
            self.of_segments = StackedEnsemble(network, len(self.alphas) * len(self._readers))
        self.built = True

    def of_attention(self, segments, label, thrifty=False):
        """The scores of a batch as a function of attention.

        Args:
            segments: (b, m, ...).
            label: class ids (b,).
            thrifty: whether networks at alpha = 1 read the true segment alone. The function holds
                at these alphas only then, not at others near them.

        Returns:
            A function: attention (losses, alphas), its own for each network -> q (losses, alphas,
            b) in nats.
        """
        true, others = segments[:, 0], segments[:, 1:]
        known = {}
        if "soft" in self.attentions:
            known["soft"] = functools.partial(self._soft, true, ops.mean(others, axis=1), label)
        if self._readers:
            known |= self._of_log_likelihoods(true, others, label, thrifty)

        def scores(alpha):
            columns = ops.unstack(alpha[..., None], len(self.attentions))  # (alphas, 1)
            named = zip(self.attentions, columns, strict=True)
            return ops.stack([known[name](column) for name, column in named])

        return scores

    def _soft(self, true, mean, label, alpha):
        """Segments (b, ...), label (b,), alpha (alphas, 1) -> q (alphas, b)."""
        mix = ops.concatenate([alpha, 1.0 - alpha], axis=1)  # (alphas, 2)
        return _of_label(self.of_averages([true, mean], mix=mix), label)

    def _of_log_likelihoods(self, true, others, label, thrifty):
        """For each of hard and LVML the function, alpha (alphas, 1) -> q (alphas, b)."""
        only_true = thrifty and self.alphas[-1] == 1.0
        count = len(self.alphas) - (1 if only_true else 0)  # alphas whose networks read the others
        log_true = self._read(true, label, len(self.alphas))  # (alphas, readers, b)
        log_others = self._read_others(others, label, count)  # (count, readers, b, m - 1)
        functions = {}
        for i, name in enumerate(self._readers):
            mean, average = _AVERAGES[name]
            stand_ins = log_true[count:, i]  # for the others where they have no part
            means = ops.concatenate([mean(log_others[:, i]), stand_ins])  # (alphas, b)
            functions[name] = functools.partial(average, log_true[:, i], means)
        return functions

    def _read_others(self, others, label, count):
        """log p(y) of segments (b, m - 1, ...), (count, readers, b, m - 1)."""
        b, rest = ops.shape(others)[:2]
        flat = ops.reshape(others, (-1, *others.shape[2:]))  # (b * (m - 1), ...)
        log_p = self._read(flat, ops.repeat(label, rest), count)
        return ops.reshape(log_p, (count, len(self._readers), b, rest))

    def _read(self, segments, label, count):
        """log p(y) of segments (n, ...) by the networks of `count` alphas, (count, readers, n)."""
        if count == 0:
            return ops.zeros((0, len(self._readers), ops.shape(segments)[0]))
        log_p = _of_label(self.of_segments(segments, first=count * len(self._readers)), label)
        return ops.reshape(log_p, (count, len(self._readers), -1))


def _average(true, mean, alpha):
    """alpha x_z + (1 - alpha) x: of log-likelihoods it is hard's."""
    return alpha * true + (1.0 - alpha) * mean


def _log_average(true, mean, alpha):
    """log(alpha p_z + (1 - alpha) p) of log-likelihoods: LVML's.

    Written so that its derivative with respect to alpha is right also where alpha is 1.
    """
    largest = ops.stop_gradient(ops.maximum(true, mean))
    p = _average(ops.exp(true - largest), ops.exp(mean - largest), alpha)
    return ops.log(p) + largest


def _mean(log_p):
    """The others' mean, (..., m - 1) -> (...)."""
    return ops.mean(log_p, axis=-1)


def _log_mean(log_p):
    """log mean_j p_j, (..., m - 1) -> (...)."""
    return ops.logsumexp(log_p, axis=-1) - math.log(log_p.shape[-1])


_AVERAGES = {"hard": (_mean, _average), "lvml": (_log_mean, _log_average)}


def _of_label(logits, label):
    """log p(y): logits (K, n, c), label (n,) -> (K, n)."""
    log_p = log_likelihoods(logits)
    return ops.sum(log_p * ops.one_hot(label, log_p.shape[-1], dtype=log_p.dtype), axis=-1)
