"""The study's models: every paradigm, normaliser and seed on data whose true segment is known."""

import dataclasses

import keras

from attention_zoo import tasks, zoo
from attention_zoo._settings import make
from attention_zoo.models import FocusClassifier
from attention_zoo.training.components import make_switch
from attention_zoo.training.run import build_model

PARADIGMS = ("soft", "hard", "lvml", "hybrid", "reinforce")
NORMALIZERS = ("sparsemax", "entmax15", "spherical_softmax")  # beside softmax, of soft attention
DATA: dict[str, tuple[str, dict]] = {  # name -> (task, settings)
    "digits": ("mosaics", {"weight_decay": 0}),
    "bags": ("bags", {}),
    "cifar10": (
        "mosaics",
        {
            "dataset": "sdc/cifar10",
            "num_examples": 5000,
            "num_test_examples": 2000,
            "epochs": 8,
            "learning_rate": 0.02,
            "weight_decay": 0,
        },
    ),
    "presets": ("mosaics", {"dataset": "sdc/cifar10", "num_test_examples": 2000}),
}
PRESETS = "sdc_cifar10_{}"  # models that come with the package, of one seed: nothing is trained


@dataclasses.dataclass(frozen=True)
class Trained:
    """A model of the study.

    Attributes:
        data: a name of `DATA`.
        attention, normalizer, seed: settings.
    """

    data: str
    attention: str
    normalizer: str
    seed: int

    @property
    def name(self):
        """What its files are called."""
        return f"{self.data}_{self.attention}_{self.normalizer}_{self.seed}"

    @property
    def kind(self):
        """What it is called in tables: its paradigm and, where it is not softmax, normaliser."""
        more = "" if self.normalizer == "softmax" else f", {self.normalizer}"
        return f"{self.attention}{more}"


def of_study(data=None, seeds=3):
    """All models: the paradigms and, on digits, soft's other normalisers, seed by seed."""
    found = []
    for name in DATA if data is None else data:
        if name == "presets":
            found += [Trained(name, one, "softmax", 0) for one in PARADIGMS if _is_preset(one)]
            continue
        for seed in range(seeds):
            found += [Trained(name, attention, "softmax", seed) for attention in PARADIGMS]
            if name == "digits":
                found += [Trained(name, "soft", normalizer, seed) for normalizer in NORMALIZERS]
    return found


def _is_preset(attention):
    return PRESETS.format(attention) in zoo.list()


def load(trained, data_dir=None):
    """(task, config, splits) of a model."""
    task_name, settings = DATA[trained.data]
    task = tasks.get(task_name)
    own = {"attention": trained.attention, "seed": trained.seed, "normalizer": trained.normalizer}
    if task_name == "mosaics":
        own["data_dir"] = data_dir
    config = make(task.config, settings | own)
    keras.utils.set_random_seed(trained.seed)
    return task, config, task.load(config)


def train(trained, path, data_dir=None):
    """Trains a model, or takes a preset, and writes it to a `.keras` file, whole or not at all."""
    if trained.data == "presets":
        _save(FocusClassifier.from_preset(PRESETS.format(trained.attention)), path)
        return
    task, config, splits = load(trained, data_dir)
    model = build_model(task, config, splits)
    source = splits["train"].source
    switch = make_switch(config, model.attention, model.optimizer, lambda: task.probe(splits))
    model.fit(
        source.endless(config.batch_size, seed=config.seed),
        epochs=config.epochs,
        steps_per_epoch=len(source) // config.batch_size,
        callbacks=[] if switch is None else [switch],
        verbose=0,
    )
    _save(model, path)


def _save(model, path):
    temporary = path.with_name(f"writing-{path.name}")
    model.save(temporary)
    temporary.replace(path)
