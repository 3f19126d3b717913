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
    return choice, attention.bonus(a, log_a)


def score_function_term(sampler, log_p, choice, greedy_log_p, present):
    """0, with REINFORCE's gradient, to be added to the words' scores.

        grad = 1/K sum_k A_kt grad log a_{z_kt}
        A_kt = sum_{t' >= t} (log p_kt' - B_kt')

    The region drawn before a word changes this word and, by the state, all that follow. Every
    baseline is one of the average over the words from t on, times their number.

    Args:
        sampler: ReinforceAttention.
        log_p: (b, k, n), of the true words, in nats.
        choice: log a_z of the drawn regions (b, k, n); its gradient counts.
        greedy_log_p: (b, 1, n), where the regions are the most attended ones; None unless the
            baseline is self-critical.
        present: bool (b, n), False for padding.

    Returns:
        (b, n).
    """
    present = kops.cast(present, "float32")[:, None]  # (b, 1, n)
    words = kops.maximum(_from_here_on(present), 1.0)

    def average(log_p):
        return _from_here_on(log_p * present) / words

    advantage = words * sampler.advantage(average(log_p), lambda: average(greedy_log_p))
    return kops.mean(advantage * present * only_gradient(choice), axis=1)


def _from_here_on(x):
    """sum_{t' >= t} x_t' along the last axis."""
    return kops.flip(kops.cumsum(kops.flip(x, axis=-1), axis=-1), axis=-1)
