"""REINFORCE over a caption: a drawn region is judged by all words from it on."""

from functools import singledispatch

from keras import ops as kops

from attention_zoo import layers
from attention_zoo.layers.reinforce import only_gradient
from attention_zoo.models.captioning.scores import attend, log_attend


def chains(sampler):
    """How many recurrences a caption has: one for each sample, one without a sampler."""
    return 1 if sampler is None else sampler.num_samples


@singledispatch
def log_choice(attention, reading):
    """log a_z of the regions z that were drawn, and the bonus for entropy: (b, n) each."""
    raise NotImplementedError(f"{type(attention).__name__} is not registered with log_choice")


@log_choice.register(layers.SoftAttention)
@log_choice.register(layers.HardAttention)
@log_choice.register(layers.LVMLAttention)
@log_choice.register(layers.GumbelAttention)
def _(attention, reading):
    """None is judged by its outcome."""
    nothing = kops.zeros_like(reading.scores[..., 0])
    return nothing, nothing


@log_choice.register(layers.ReinforceAttention)
def _(attention, reading):
    drawn = kops.stop_gradient(reading.weights)
    a, log_a = attend(attention, reading.scores), log_attend(attention, reading.scores)
    choice = kops.sum(kops.where(drawn > 0.0, drawn * log_a, 0.0), axis=-1)
    return choice, attention.bonus(a)


def score_function_term(sampler, log_p, choice, greedy_log_p, weights):
    """0, with REINFORCE's gradient, to be added to the log-likelihood of the caption.

        grad = 1/K sum_k A_kt grad log a_{z_kt}
        A_kt = sum_{t' >= t} w_t' (log p_kt' - B_kt')

    The region drawn before a word changes this word and, by the state, all that follow: w_t, the
    weight of the word itself, is not on its choice.

    Args:
        sampler: ReinforceAttention.
        log_p: (b, k, n), of the true words, in nats.
        choice: log a_z of the drawn regions (b, k, n); its gradient counts.
        greedy_log_p: (b, 1, n), where the regions are the most attended ones; None unless the
            baseline is self-critical.
        weights: w (b, n), of the words in the loss; 0 for padding.

    Returns:
        (b, n).
    """
    rewards = weights[:, None] * sampler.advantage(log_p, lambda: greedy_log_p)  # (b, k, n)
    return kops.mean(_from_here_on(rewards) * only_gradient(choice), axis=1)


def spread(term, weights):
    """What to add to every word's score, so that the sum of w_t times it is that of the terms.

    Args:
        term, weights: (b, n).

    Returns:
        (b, 1): sum_t term_t / sum_t w_t; 0 where all weights are.
    """
    total = kops.sum(weights, axis=1, keepdims=True)
    return kops.divide_no_nan(kops.sum(term, axis=1, keepdims=True), total)


def _from_here_on(x):
    """sum_{t' >= t} x_t' along the last axis."""
    return kops.flip(kops.cumsum(kops.flip(x, axis=-1), axis=-1), axis=-1)
