"""Every task in small, and a toy task: what the contract is tested on."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

import attention_zoo as az
from attention_zoo._settings import setting
from attention_zoo.datasets.fingerprint import fingerprint
from attention_zoo.datasets.split import Examples, Split
from attention_zoo.metrics import captions as scores
from attention_zoo.training.config import TaskConfig

TINY = {"epochs": 2, "batch_size": 16, "steps_per_call": 1, "checkpoint_steps": 1}


@pytest.fixture(scope="module", autouse=True)
def without_java():
    """METEOR takes some ten seconds of a run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scores, "_has_java", lambda: False)
        yield


@dataclasses.dataclass(frozen=True, eq=False)
class Coins(Examples):
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
        return fingerprint(self.values, self.labels, self.focus)

    def _batches(self, numbers, batch_size, padded):
        values, labels, focus = map(tf.constant, (self.values, self.labels, self.focus))

        def example(i):
            return tf.gather(values, i), {
                "label": tf.gather(labels, i),
                "focus": tf.gather(focus, i),
            }

        return numbers.map(example)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CoinsConfig(TaskConfig):
    """Data and model."""

    num_examples: int = setting(80, "Training rows.", least=1)
    attention: str = setting("lvml", "How attention is trained.")
    optimizer: str = setting("adam", "Of the networks.")


class CoinsTask(az.tasks.ClassificationTask):
    """A fourth task, in one place."""

    name = "coins"
    config = CoinsConfig
    words = az.tasks.Words(example="row", examples="rows", segment="coin", segments="coins")

    def load(self, config):
        counts = {"train": config.num_examples, "validation": 32, "test": 32}
        return {
            name: Split(
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

    def evaluate(self, model, split, config):
        return az.evaluate(model, split.source.dataset(32))

    def random_focus(self, split):
        return 0.25


def _coins(n, seed):
    rng = np.random.default_rng(seed)
    labels, focus = rng.integers(2, size=n), rng.integers(4, size=n)
    values = rng.normal(0, 0.1, (n, 4, 3)).astype("float32")
    values[np.arange(n), focus, labels] += 1
    values[np.arange(n), focus, 2] += 1
    return Coins(values, labels.astype("int32"), focus.astype("int32"))


@pytest.fixture(scope="session")
def encoder(tmp_path_factory):
    """The path of an encoder of 2 × 2 regions: the mean colours, as they are and mixed."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((32, 32, 3))
    x = keras.layers.Rescaling(1 / 127.5, -1.0)(keras.layers.AveragePooling2D(16)(inputs))
    x = keras.layers.Concatenate()([x, keras.layers.Conv2D(5, 1, activation="relu")(x)])
    path = tmp_path_factory.mktemp("encoder") / "encoder.keras"
    keras.Model(inputs, x).save(path)
    return str(path)


@pytest.fixture(scope="session")
def tiny(hatexplain_dir, coco_dir, encoder):
    """(task) -> its settings of a run of seconds."""
    captions = {
        "data_dir": str(coco_dir),
        "encoder": encoder,
        "image_size": 32,
        "max_words": 5,
        "max_length": 6,
        "units": 8,
        "embedding_size": 8,
        "attention_units": 4,
        "beam_width": 2,
        "train_split": "train[:16]",
        "validation_split": "train[48:]",
    }
    text = {"data_dir": str(hatexplain_dir), "subwords": 50, "embedding_size": 8}
    own = {
        "mosaics": {"num_examples": 64, "num_test_examples": 48, "network": "linear"},
        "text": text,
        "captions": captions,
        "coins": {},
    }
    return {name: TINY | settings for name, settings in own.items()}


@pytest.fixture(scope="session")
def task_of():
    """(name) -> what `az.train` is given."""
    return lambda name: CoinsTask() if name == "coins" else name


@pytest.fixture(scope="session")
def finished(tiny, task_of, tmp_path_factory):
    """(task) -> the folder and the evaluations of a finished run, made once."""
    made = {}

    def of(name):
        if name not in made:
            workdir = tmp_path_factory.mktemp("runs") / name
            made[name] = workdir, az.train(task_of(name), workdir, **tiny[name])
        return made[name]

    return of
