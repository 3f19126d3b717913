r"""What frees hard attention from its early mistakes: candidates on CIFAR-10 mosaics, one sweep.

    python -m experiments.lock_in --folder=runs/lock_in --candidates=power_0.5,annealed --seeds=1

Between LVML and hard lies one family, q(y) = (1/alpha) log sum_j a_j p_j(y)^alpha: the power mean
of the likelihoods. alpha = 1 is LVML, alpha -> 0 is hard, and with respect to score j its gradient
is never below -a_j / alpha. Annealed, alpha falls from 1 to 0.02 during training: from LVML to hard
without a jump. Beside it: LVML and then hard, a penalty on entropy, a focus network that learns
more slowly, log-likelihoods bounded below.

10,000 mosaics, m = 5, 15 epochs, rate 0.02: with the package's own paradigms the runs of
docs/results.md at a tenth of the paper's scale. Started again, it goes on with what is not
finished. `python -m experiments.sdc_results FOLDER/*_?` prints the tables.
"""

import argparse
import functools
import math
import sys
from pathlib import Path

import keras
from keras import ops as kops

from attention_zoo import layers, ops
from attention_zoo._paths import expanded
from attention_zoo.layers.masks import masked
from attention_zoo.tasks import MosaicsTask
from attention_zoo.training.brought import Brought
from attention_zoo.training.components import recorded
from attention_zoo.training.run import run_task
from attention_zoo.training.sweep import Job, Trainer, run_jobs, trainer_of
from attention_zoo.training.task import config_of

COMMON = {
    "dataset": "sdc/cifar10",
    "num_examples": 10_000,
    "num_test_examples": 4_000,
    "epochs": 15,
    "learning_rate": 0.02,
    "second_learning_rate": 0.02,
    "weight_decay": 0,
}
_STEPS = 15 * (10_000 // 256)


@keras.saving.register_keras_serializable("experiments")
class PowerMeanAttention(layers.Attention):
    """q(y) = (1/alpha) log sum_j a_j p_j(y)^alpha, alpha a number or a schedule of the steps."""

    def __init__(self, alpha=1.0, **kwargs):
        super().__init__(**kwargs)
        if isinstance(alpha, dict):
            alpha = keras.saving.deserialize_keras_object(alpha)
        self.alpha = alpha
        self.step = self.add_weight(
            shape=(), dtype="int32", initializer="zeros", trainable=False, name="step"
        )

    def class_scores(self, classify, segments, scores, mask=None, training=None):
        segments, mask = masked(segments, scores, mask)
        log_p = ops.log_likelihoods(ops.map_segments(classify, segments, mask))  # (b, m, c)
        alpha = self._current(training)
        q = ops.log_average(alpha * log_p, self.log_attend(scores, mask)) / alpha
        return q, self.attend(scores, mask)

    def _current(self, training):
        if not callable(self.alpha):
            return self.alpha
        alpha = kops.cast(self.alpha(self.step.value), "float32")
        if training:
            self.step.assign_add(1)
        return alpha

    def get_config(self):
        alpha = self.alpha
        alpha = keras.saving.serialize_keras_object(alpha) if callable(alpha) else alpha
        return super().get_config() | {"alpha": alpha}


@keras.saving.register_keras_serializable("experiments")
class BoundedHardAttention(layers.Attention):
    """q(y) = sum_j a_j max(log p_j(y), floor), the floor twice the loss of chance."""

    def class_scores(self, classify, segments, scores, mask=None, training=None):
        segments, mask = masked(segments, scores, mask)
        log_p = ops.log_likelihoods(ops.map_segments(classify, segments, mask))
        floor = -2.0 * math.log(log_p.shape[-1])
        a = self.attend(scores, mask)
        return ops.average(kops.maximum(log_p, floor), a), a


def _power(alpha):
    return {"attention": lambda: PowerMeanAttention(alpha)}


_HYBRID = {"attention": "hybrid", "switch_epoch": 10}
CANDIDATES = {
    "soft": {"attention": "soft"},
    "hard": {"attention": "hard"},
    "lvml": {"attention": "lvml"},
    "hybrid": _HYBRID,
    "control": _HYBRID | {"second_attention": "soft"},
    "power_0.5": _power(0.5),
    "annealed": _power(keras.optimizers.schedules.PolynomialDecay(1.0, _STEPS, 0.02)),
    "annealed_geometric": _power(keras.optimizers.schedules.ExponentialDecay(1.0, _STEPS, 0.02)),
    "lvml_then_hard": _HYBRID | {"first_attention": "lvml"},
    "lvml_penalty_0.1": {"attention": "lvml", "entropy_penalty": 0.1},
    "hard_bounded": {"attention": BoundedHardAttention},
    "hard_slow_focus": {
        "attention": "hard",
        "learning_rate": 0.002,
        "classifier_learning_rate": 0.02,
    },
}


def main():
    """Makes the runs that are left."""
    args = _parser().parse_args()
    names = args.candidates.split(",") if args.candidates else list(CANDIDATES)
    if unknown := [name for name in names if name not in CANDIDATES]:
        sys.exit(f"candidates have {unknown[0]!r}, expected some of {list(CANDIDATES)}")
    folder = expanded(Path(args.folder))
    jobs = [
        Job(f"{name}_{seed}", {"candidate": name, "seed": seed})
        for seed in range(args.seeds)
        for name in names
    ]
    trainer = _trainer(data_dir=args.data_dir, **COMMON)
    if any(run_jobs(jobs, folder, lambda job: trainer, workers=args.workers).values()):
        sys.exit(1)  # the reasons were told


def _trainer(**settings):
    return Trainer(functools.partial(_train, settings), functools.partial(_record, settings))


def _settings(candidate, seed):
    own = CANDIDATES[candidate] | {"seed": seed}
    if callable(own["attention"]):
        own["attention"] = own["attention"]()
    return own


def _train(settings, workdir, candidate, seed):
    return run_task(MosaicsTask(), workdir, **settings | _settings(candidate, seed))


def _record(settings, candidate, seed):
    own = settings | _settings(candidate, seed)
    layer = own["attention"]
    if not isinstance(layer, layers.Attention):
        return trainer_of(MosaicsTask(), **own).record()
    config = config_of(MosaicsTask(), own | {"attention": "soft"})
    return Brought(layer).record(recorded(config, layer))


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", default="runs/lock_in", help="Of the runs.")
    parser.add_argument("--candidates", help="Names, with commas; all if unset.")
    parser.add_argument("--seeds", type=int, default=1, help="How many, from 0.")
    parser.add_argument("--workers", type=int, default=1, help="Runs at a time.")
    parser.add_argument("--data_dir", help="Folder of tensorflow_datasets.")
    return parser


if __name__ == "__main__":
    main()
