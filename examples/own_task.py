"""A task of one's own: data of another kind, with all that runs have.

    python examples/own_task.py --folder=runs/coins

Rows of four coins, one of them heavy; the label is which face the heavy one shows.
"""

import argparse
import dataclasses

import numpy as np
import tensorflow as tf

import attention_zoo as az


@dataclasses.dataclass(frozen=True, eq=False)
class Coins(az.datasets.Examples):
    """Rows of four coins, one of them heavy; the label is which face it shows."""

    values: np.ndarray
    labels: np.ndarray
    focus: np.ndarray

    kind = "rows"

    def __len__(self):
        return len(self.labels)

    def rows(self, rows):
        return Coins(self.values[rows], self.labels[rows], self.focus[rows])

    def fingerprint(self):
        return az.datasets.fingerprint(self.values, self.labels, self.focus)

    def batches(self, numbers, batch_size, padded):
        values, labels, focus = map(tf.constant, (self.values, self.labels, self.focus))

        def example(i):
            return tf.gather(values, i), {
                "label": tf.gather(labels, i),
                "focus": tf.gather(focus, i),
            }

        return numbers.map(example)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CoinsConfig(az.tasks.TaskConfig):
    """Data and model."""

    num_examples: int = az.tasks.setting(80, "Training rows.", least=1)
    attention: str = az.tasks.setting("lvml", "How attention is trained.")
    optimizer: str = az.tasks.setting("adam", "Of the networks.")


class CoinsTask(az.tasks.ClassificationTask):
    """A fifth task, in one place."""

    name = "coins"
    config = CoinsConfig
    words = az.tasks.Words(example="row", examples="rows", segment="coin", segments="coins")

    def load(self, config):
        counts = {"train": config.num_examples, "validation": 32, "test": 32}
        return {
            name: az.datasets.Split(
                name="coins",
                split=name,
                source=_coins(n, [config.seed, i]),
                class_names=("heads", "tails"),
            )
            for i, (name, n) in enumerate(counts.items())
        }

    def build(self, config, splits, attention):
        focus, classifier = az.models.networks("linear", (3,), 2)
        model = az.FocusClassifier(focus, classifier, attention, inference=config.inference)
        model.build((None, 4, 3))
        return model

    def random_focus(self, split):
        return 0.25


def _coins(n, seed):
    rng = np.random.default_rng(seed)
    labels, focus = rng.integers(2, size=n), rng.integers(4, size=n)
    values = rng.normal(0, 0.1, (n, 4, 3)).astype("float32")
    values[np.arange(n), focus, labels] += 1
    values[np.arange(n), focus, 2] += 1
    return Coins(values, labels.astype("int32"), focus.astype("int32"))


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", default="runs/coins")
    return parser


if __name__ == "__main__":
    folder = _parser().parse_args().folder
    settings = {"epochs": 20, "batch_size": 16, "learning_rate": 0.05}
    found = az.train(CoinsTask(), folder, **settings)
    print(found["test"].table())
