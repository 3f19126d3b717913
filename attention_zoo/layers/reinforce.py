"""REINFORCE attention: classify sampled segments, weigh the choice by its outcome."""

from keras import ops as kops

from attention_zoo import ops
from attention_zoo.layers.base import check_shapes
from attention_zoo.layers.checks import as_count, as_number
from attention_zoo.layers.registry import attention
from attention_zoo.layers.sampling import SamplingAttention


@attention("reinforce")
class ReinforceAttention(SamplingAttention):
    """Classifies K sampled segments; the gradient carries the score-function term.

        z_k ~ a,  q(y) = 1/K sum_k log p_{z_k}(y)
        grad q(y) = 1/K sum_k [grad log p_{z_k}(y) + (log p_{z_k}(y) - B_k) grad log a_{z_k}]

    an unbiased estimate of the hard loss and of its gradient, for every baseline B:

    - "none": 0;
    - "moving_average": decay * B + (1 - decay) * (batch mean of the true labels'
      log-likelihood), from 0; told through `observe`, which FocusClassifier calls;
    - "leave_one_out": the mean of log p_{z_l}(y) over the other samples l != k; needs K >= 2.

    `layer(values, scores)` in training averages the sampled segments (weights: their frequencies)
    and passes no gradient to the scores: the term above needs an outcome, hence `class_scores`.

    Args:
        baseline: one of the names above.
        num_samples: K, the number of segments drawn for an example.
        decay: of the moving average, in [0, 1).
        normalizer, seed: as in `SamplingAttention`.

    References: Williams 1992, doi:10.1007/BF00992696; moving average as in arXiv:1502.03044;
    leave-one-out: Kool, van Hoof and Welling, ICLR 2019 workshop.
    """

    def __init__(self, baseline="moving_average", num_samples=1, decay=0.9, **kwargs):
        super().__init__(**kwargs)
        if baseline not in BASELINES:
            raise ValueError(f"baseline is {baseline!r}, expected one of {sorted(BASELINES)}")
        self.baseline = baseline
        self.num_samples = as_count("num_samples", num_samples, least=1)
        if baseline == "leave_one_out" and self.num_samples == 1:
            raise ValueError(f"num_samples is 1, expected 2 or more with baseline {baseline!r}")
        self.decay = as_number("decay", decay, "in [0, 1)", lambda x: 0.0 <= x < 1.0)
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
        check_shapes(segments, scores, mask)
        a = self.attend(scores, mask)
        if not training:
            return ops.log_likelihoods(classify(ops.choose_segment(segments, a))), a
        log_a = self.log_attend(scores, mask)
        z, log_a_z = self._sample(log_a)  # (b, k), (b, k)
        drawn = self._read(segments, z, a)  # (b, k, ...)
        log_p = ops.log_likelihoods(ops.map_segments(classify, drawn))  # (b, k, c)
        advantage = kops.stop_gradient(log_p - BASELINES[self.baseline](self, log_p))
        choice = (log_a_z - kops.stop_gradient(log_a_z))[..., None]  # 0, with a gradient
        return kops.mean(log_p + advantage * choice, axis=1), a

    def observe(self, log_likelihood):
        """Moves the average baseline towards the batch mean of log p_z(y), (b,) in nats."""
        reward = kops.stop_gradient(kops.mean(kops.cast(log_likelihood, "float32")))
        self.moving_average.assign(
            self.decay * self.moving_average.value + (1.0 - self.decay) * reward
        )

    def call(self, values, scores, mask=None, training=None):
        check_shapes(values, scores, mask)
        a = self.attend(scores, mask)
        if not training:
            w = ops.one_hot_argmax(a, where=mask)
            return ops.average(values, w), w
        z, _ = self._sample(self.log_attend(scores, mask))
        w = kops.mean(kops.one_hot(z, kops.shape(a)[1]), axis=1)  # (b, m)
        w = kops.where(a > 0.0, w, 0.0)
        return ops.average(values, w), w

    def _sample(self, log_a):
        """z (b, k) drawn from a, and log a_z (b, k)."""
        z = kops.argmax(self.perturbed(log_a, self.num_samples), axis=-1)
        return z, ops.gather_segments(log_a, z)

    def _read(self, segments, z, a):
        """The drawn segments (b, k, ...); zeros in a row without segments."""
        drawn = ops.gather_segments(segments, z)
        present = kops.any(a > 0.0, axis=1)
        present = kops.reshape(present, (-1,) + (1,) * (len(segments.shape) - 1))
        return kops.where(present, drawn, kops.zeros_like(drawn))

    def get_config(self):
        return super().get_config() | {
            "baseline": self.baseline,
            "num_samples": self.num_samples,
            "decay": self.decay,
        }


def _leave_one_out(layer, log_p):
    """The mean over the other samples of the same example: (b, k, c) -> (b, k, c)."""
    return (kops.sum(log_p, axis=1, keepdims=True) - log_p) / (layer.num_samples - 1)


BASELINES = {
    "none": lambda layer, log_p: 0.0,
    "moving_average": lambda layer, log_p: layer.moving_average.value,
    "leave_one_out": _leave_one_out,
}
