"""What the folder of a run holds, as far as it is there."""

import dataclasses
import datetime
from pathlib import Path

import numpy as np

from attention_zoo._json import loads
from attention_zoo._paths import expanded
from attention_zoo.report.csv_table import read_columns
from attention_zoo.report.shapes import DRIVES, SHAPES, check, check_examples, check_histograms

SPLITS = ("test", "validation", "train")  # in the order of interest
_METRICS, _CAPTIONS = "metrics.csv", "captions.json"


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """A run's folder, read; what is not there is empty.

    Attributes:
        path: the folder.
        config: the settings.
        about: trainer, versions, beginning, defaults of the settings.
        metrics: columns of metrics.csv by name, (n,), floats or strings.
        results: as results.json has them.
        histograms: "way_to_predict", and under "splits" the joint histograms, counts (bins, bins),
            by split and way to predict.
        examples: "way_to_predict", and lists "best" and "worst" of examples.
        captions: captions of pictures, with the ids of these.
        data: fingerprints of the data by the name of a part.
    """

    path: Path
    config: dict
    about: dict
    metrics: dict[str, np.ndarray]
    results: dict
    histograms: dict
    examples: dict
    captions: list
    data: dict[str, str]

    @classmethod
    def read(cls, folder, results=None):
        """Reads a folder.

        Args:
            folder: its path.
            results: what results.json will have; None reads the file.

        Raises:
            ValueError: the folder is not that of a run, or a file in it is damaged.
        """
        path = expanded(Path(folder))
        if not (path / "config.json").is_file():
            raise ValueError(f"{path} has no config.json, expected the folder of a run")
        found = {
            name.removesuffix(".json"): _read_json(path, name, list if name == _CAPTIONS else dict)
            for name in SHAPES
            if name != "results.json" or results is None
        }
        found.setdefault("results", results)
        for settings in (found["config"], found["about"].get("defaults", {})):
            _as_of_now(settings)
        check_histograms(found["histograms"], path / "histograms.json")
        check_examples(found["examples"], path / "examples.json")
        metrics = read_columns(path / _METRICS) if (path / _METRICS).is_file() else {}
        _check_curves(path, metrics, found["results"])
        return cls(path=path, metrics=metrics, **found)

    @property
    def name(self):
        """What the folder is called."""
        return self.path.resolve().name

    @property
    def task(self):
        """The name of its task, or trainer; None if it is not noted."""
        return self.about.get("task", self.about.get("trainer"))

    @property
    def splits(self):
        """The figures of every split by its name."""
        return {name: self.results[name] for name in SPLITS if name in self.results}

    @property
    def shown_split(self):
        """The split that its pictures and examples are of."""
        return shown_of(self.results)

    @property
    def way_to_predict(self):
        """How the model itself predicts: "argmax", "marginal" or "soft"; None if not known."""
        return self.histograms.get("way_to_predict")

    @property
    def last_epoch(self):
        """When metrics.csv was written, UTC, or copied; None before the first epoch."""
        if not self.metrics:
            return None
        seconds = (self.path / _METRICS).stat().st_mtime
        return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)

    def curve(self, name):
        """(epochs, values) of a column of metrics.csv, finite values only; None without any."""
        if name not in self.metrics or self.metrics[name].dtype.kind != "f":
            return None
        values = self.metrics[name]
        epochs = self.metrics.get("epoch", np.arange(1.0, len(values) + 1))
        there = np.isfinite(values)
        return (epochs[there], values[there]) if there.any() else None


def shown_of(names):
    """The split that a run's pictures and examples are of: the first of `SPLITS` in the names."""
    return next((name for name in SPLITS if name in names), SPLITS[0])


def _read_json(folder, name, kind):
    """The content of a file, of its shape; empty where there is no file."""
    path = folder / name
    if not path.is_file():
        return kind()
    try:
        content = loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} is no JSON ({error}), expected that of a run") from error
    check(content, SHAPES[name], path)
    return content


OWN_DATA = "own data"  # what config.json has as "dataset" where `data` was given

ZERO_WAS_NULL = ("weight_decay", "ema_momentum")

# Settings that an object of a user's decides in their place.
DECIDED_BY = {
    "attention": (
        *("normalizer", "entropy_penalty", "temperature", "baseline", "num_samples"),
        *("entropy_bonus", "first_attention", "second_attention"),
    ),
    "optimizer": (
        *("learning_rate", "classifier_learning_rate", "encoder_learning_rate", "layer_decay"),
        *("warmup", "schedule", "accumulation", "momentum", "weight_decay", "ema_momentum"),
        "clip_norm",
    ),
}


def decided_by_objects(config):
    """Which settings of a config.json an object in it decides: they are null, and say nothing."""
    objects = [thing for thing in DECIDED_BY if isinstance(config.get(thing), dict)]
    return config.keys() & {name for thing in objects for name in DECIDED_BY[thing]}


def _as_of_now(settings):
    """Earlier versions had null for 0.0, and the task's default where an object decides."""
    for name in ZERO_WAS_NULL:
        if not settings.get(name, 1):
            settings[name] = 0.0
    settings |= dict.fromkeys(decided_by_objects(settings))


def _check_curves(path, metrics, results):
    """Raises ValueError where curves, or results that go with them, lack what a page draws."""
    needed = {"epoch"} & metrics.keys()
    if is_fixed_focus(metrics):
        check(results, DRIVES, path / "results.json")
        needed = {"epoch", "alpha", "drive"}
    elif is_gradient_flow(metrics):
        figures = [f"{figure}{end}" for figure in FIGURES for end in ("", "_theory")]
        needed = {"time"} | {f"{name}_{f}" for name in trajectories(metrics) for f in figures}
    for name in sorted(needed):
        if name not in metrics or metrics[name].dtype.kind != "f":
            raise ValueError(
                f"{path / _METRICS} has no numbers {name!r}, expected the curves of a run"
            )


FIGURES = ("mu", "nu", "attention", "probability")  # of a trajectory


def trajectories(metrics):
    """The names of the trajectories in columns of metrics.csv."""
    return [name.removesuffix("_mu_theory") for name in metrics if name.endswith("_mu_theory")]


def is_fixed_focus(metrics):
    """Whether columns of metrics.csv are those of `experiments.fixed_focus`."""
    return {"alpha", "attention", "drive"} <= metrics.keys()


def is_gradient_flow(metrics):
    """Whether columns of metrics.csv are those of `experiments.gradient_flow`."""
    return {"soft_mu", "soft_mu_theory"} <= metrics.keys()
