"""REINFORCE attention: classify sampled segments, weigh the choice by its outcome."""

from keras import ops as kops

from attention_zoo import ops
from attention_zoo._checks import as_count, as_number
from attention_zoo.layers.masks import masked
from attention_zoo.layers.registry import attention
from attention_zoo.layers.sampling import SamplingAttention
from attention_zoo.ops.normalizers import fill, mean_or_0


@attention("reinforce")
class ReinforceAttention(SamplingAttention):
    """Classifies K sampled segments; the gradient carries the score-function term.

        z_k ~ a,  q(y) = 1/K sum_k log p_{z_k}(y)
        grad q(y) = 1/K sum_k [grad log p_{z_k}(y) + (log p_{z_k}(y) - B_k) grad log a_{z_k}]

    an unbiased estimate of the hard loss and of its gradient, for every baseline B:

    - "none": 0;
    - "moving_average": decay * B + (1 - decay) * (batch mean of the true labels'
      log-likelihood), from 0; told through `observe`, which FocusClassifier calls;
    - "leave_one_out": the mean of log p_{z_l}(y) over the other samples l != k; needs K >= 2;
    - "self_critical": log p_j(y) of the most attended segment j, which is classified as well.

    An entropy bonus adds its share of the gradient of H(a) = -sum_j a_j log a_j to that of q, whose
    value stays as it is: a peaks later.

    `layer(values, scores)` in training averages the sampled segments (weights: their frequencies)
    and passes no gradient to the scores: the term above needs an outcome, hence `class_scores`.

    Args:
        baseline: one of the names above.
        num_samples: K, the number of segments drawn for an example.
        decay: of the moving average, in [0, 1).
        entropy_bonus: share of the entropy of a, 0 or more; 0 leaves the gradient unbiased.
        normalizer, seed: as in `SamplingAttention`.

    References: Williams 1992, doi:10.1007/BF00992696; moving average and entropy as in
    arXiv:1502.03044; leave-one-out: Kool, van Hoof and Welling, ICLR 2019 workshop; self-critical:
    arXiv:1612.00563.
    """

    def __init__(
        self, baseline="moving_average", num_samples=1, decay=0.9, entropy_bonus=0.0, **kwargs
    ):
        super().__init__(**kwargs)
        if baseline not in BASELINES:
            raise ValueError(f"baseline is {baseline!r}, expected one of {sorted(BASELINES)}")
        self.baseline = baseline
        self.num_samples = as_count("num_samples", num_samples, least=1)
        if baseline == "leave_one_out" and self.num_samples == 1:
            raise ValueError(f"num_samples is 1, expected 2 or more with baseline {baseline!r}")
        self.decay = as_number("decay", decay, "in [0, 1)", lambda x: 0.0 <= x < 1.0)
        self.entropy_bonus = as_number(
            "entropy_bonus", entropy_bonus, "of 0 or more", lambda x: x >= 0.0
        )
        self.moving_average = self.add_weight(
            shape=(),
            dtype="float32",
            initializer="zeros",
            trainable=False,
            autocast=False,
            aggregation="mean",
            name="moving_average",
        )

    def class_scores(self, classify, segments, scores, mask=None, training=None):
        segments, mask = masked(segments, scores, mask)
        a = self.attend(scores, mask)
        if not training:
            return ops.log_likelihoods(classify(ops.choose_segment(segments, a))), a
        z, log_a_z = self._sample(self.log_attend(scores, mask))  # (b, k), (b, k)
        drawn = ops.gather_segments(segments, z)  # (b, k, ...)
        log_p = ops.log_likelihoods(ops.map_segments(classify, drawn))  # (b, k, c)
        advantage = self.advantage(log_p, lambda: self._most_attended_log_p(classify, segments, a))
        q = kops.mean(log_p + advantage * only_gradient(log_a_z)[..., None], axis=1)
        return q + self.bonus(a)[:, None], a

    def advantage(self, rewards, greedy_rewards):
        """Rewards over the baseline, without gradient.

        Args:
            rewards: (b, k, ...), of the k samples.
            greedy_rewards: callable -> (b, 1, ...), those of the most attended segment; called
                where the baseline is self-critical.
        """
        return kops.stop_gradient(rewards - BASELINES[self.baseline](self, rewards, greedy_rewards))

    def bonus(self, a):
        """0, with the gradient of entropy_bonus * H(a): a (..., m) -> (...)."""
        if self.entropy_bonus == 0.0:
            return kops.zeros_like(a[..., 0])
        return self.entropy_bonus * only_gradient(ops.entropy(a))

    def _most_attended_log_p(self, classify, segments, a):
        return ops.log_likelihoods(classify(ops.choose_segment(segments, a)))[:, None]

    def observe(self, log_likelihood):
        """Moves the average baseline towards the batch mean of log p_z(y), (b,) in nats.

        It stays where it is where there are no examples, as on a replica that gets none, or the
        mean is not finite, as in a step that loss scaling skips.
        """
        rewards = kops.cast(log_likelihood, "float32")
        reward, before = kops.stop_gradient(mean_or_0(rewards)), self.moving_average.value
        moved = self.decay * before + (1.0 - self.decay) * reward
        counts = kops.logical_and(kops.size(rewards) > 0, kops.isfinite(reward))
        self.moving_average.assign(kops.where(counts, moved, before))

    def call(self, values, scores, mask=None, training=None):
        values, mask = masked(values, scores, mask)
        if training:
            z, _ = self._sample(self.log_attend(scores, mask))
            w = kops.one_hot(z, kops.shape(scores)[1], dtype="float32")  # (b, k, m)
            w = fill(kops.mean(w, axis=1), mask, 0.0)  # (b, m)
        else:
            w = ops.one_hot_argmax(self.attend(scores, mask), where=mask)
        return ops.average(values, w), w

    def _sample(self, log_a):
        """z (b, k) drawn from a, and log a_z (b, k)."""
        z = kops.argmax(self.perturbed(log_a, self.num_samples), axis=-1)
        return z, ops.gather_segments(log_a, z)

    def get_config(self):
        return super().get_config() | {
            "baseline": self.baseline,
            "num_samples": self.num_samples,
            "decay": self.decay,
            "entropy_bonus": self.entropy_bonus,
        }


def only_gradient(x):
    """0, with the gradient of x."""
    return x - kops.stop_gradient(x)


def _leave_one_out(layer, rewards, greedy_rewards):
    """The mean over the other samples of the same example: (b, k, ...) -> (b, k, ...)."""
    return (kops.sum(rewards, axis=1, keepdims=True) - rewards) / (layer.num_samples - 1)


BASELINES = {
    "none": lambda layer, rewards, greedy_rewards: 0.0,
    "moving_average": lambda layer, rewards, greedy_rewards: layer.moving_average.value,
    "leave_one_out": _leave_one_out,
    "self_critical": lambda layer, rewards, greedy_rewards: greedy_rewards(),
}
