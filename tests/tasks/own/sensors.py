"""A fifth task, as one is written from the docs alone: no labels, no focus, no number of segments.

Recordings of four sensors, one of which says the class; targets are class ids.
"""

import dataclasses

import numpy as np
import tensorflow as tf

import attention_zoo as az


@dataclasses.dataclass(frozen=True, eq=False)
class Recordings(az.datasets.Examples):
    x: np.ndarray
    y: np.ndarray

    kind = "recordings"
    class_names = ("calm", "storm")  # of data that are brought

    def __len__(self):
        return len(self.y)

    def rows(self, rows):
        return Recordings(self.x[rows], self.y[rows])

    def fingerprint(self):
        return az.datasets.fingerprint(self.x, self.y)

    def batches(self, numbers, batch_size, padded):
        x, y = map(tf.constant, (self.x, self.y))
        return numbers.map(lambda i: (tf.gather(x, i), tf.gather(y, i)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class SensorsConfig(az.tasks.TaskConfig):
    """Recordings."""

    num_examples: int = az.tasks.setting(48, "Training recordings.", least=1)
    gain: float | None = az.tasks.setting(None, "Of the sensors; 2 if unset.", above=0)
    attention: str = az.tasks.setting("lvml", "How attention is trained.")
    batch_size: int = az.tasks.setting(16, "Recordings a step.", least=1)
    epochs: int = az.tasks.setting(1, "Passes over the recordings.", least=1)


class SensorsTask(az.tasks.ClassificationTask):
    """What has to be written, and nothing else; and settings that others decide."""

    name = "sensors"
    config = SensorsConfig

    def settled(self, config):
        return config if config.gain else dataclasses.replace(config, gain=2.0)

    def load(self, config):
        counts = {"train": config.num_examples, "validation": 32, "test": 32}
        return {
            name: az.datasets.Split(
                name="sensors", split=name, source=recordings(n, i), class_names=("calm", "storm")
            )
            for i, (name, n) in enumerate(counts.items())
        }

    def build(self, config, splits, attention):
        focus, classifier = az.models.networks("linear", (3,), splits["train"].num_classes)
        model = az.FocusClassifier(focus, classifier, attention, inference=config.inference)
        model.build((None, 4, 3))
        return model


def recordings(n, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(0, 0.1, (n, 4, 3)).astype("float32"), rng.integers(2, size=n)
    x[np.arange(n), rng.integers(4, size=n), y] += 1
    return Recordings(x, y.astype("int32"))
