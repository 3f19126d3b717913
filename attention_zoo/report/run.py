"""What the folder of a run holds, as far as it is there."""

import csv
import dataclasses
import datetime
import json
from pathlib import Path

import numpy as np

from attention_zoo._paths import expanded

SPLITS = ("test", "validation", "train")  # in the order of interest
_METRICS = "metrics.csv"


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
        captions: captions of the test pictures with the ids of these.
    """

    path: Path
    config: dict
    about: dict
    metrics: dict[str, np.ndarray]
    results: dict
    histograms: dict
    examples: dict
    captions: list

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
        return cls(
            path=path,
            config=_read_json(path, "config.json", dict),
            about=_read_json(path, "about.json", dict),
            metrics=read_columns(path / _METRICS) if (path / _METRICS).is_file() else {},
            results=_read_json(path, "results.json", dict) if results is None else results,
            histograms=_read_json(path, "histograms.json", dict),
            examples=_read_json(path, "examples.json", dict),
            captions=_read_json(path, "captions.json", list),
        )

    @property
    def name(self):
        """What the folder is called."""
        return self.path.resolve().name

    @property
    def splits(self):
        """The figures of every split by its name."""
        return {name: self.results[name] for name in SPLITS if name in self.results}

    @property
    def way_to_predict(self):
        """How the model itself predicts: "argmax", "marginal" or "soft"; None if not known."""
        return self.histograms.get("way_to_predict")

    @property
    def last_epoch(self):
        """When the last epoch was over: the time of metrics.csv, UTC; None before the first."""
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


def _read_json(folder, name, kind):
    """The content of a file; empty where there is no file."""
    path = folder / name
    if not path.is_file():
        return kind()
    try:
        content = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no JSON ({error}), expected that of a run") from error
    if not isinstance(content, kind):
        raise ValueError(f"{path} is a {type(content).__name__}, expected a {kind.__name__}")
    return content


def read_columns(path):
    """Columns of a CSV file by name, (n,): floats, NaN for empty cells, or strings."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = rows[0] if rows else ()
    return {name: _column([row[name] for row in rows]) for name in names}


def _column(texts):
    try:
        return np.array([float(text or "nan") for text in texts])
    except ValueError:
        return np.array(texts)
