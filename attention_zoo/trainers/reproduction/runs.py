"""What finished jobs found: runs side by side, the trajectories of theory, the drives."""

import csv
import dataclasses
import functools
import json
from pathlib import Path

import numpy as np

from attention_zoo.trainers.reproduction.job import ROWS, Job


@dataclasses.dataclass(frozen=True)
class Run:
    """A finished job.

    Attributes:
        job: the `Job`.
        folder: its folder.
    """

    job: Job
    folder: Path

    @functools.cached_property
    def results(self):
        """Of results.json."""
        return json.loads((self.folder / "results.json").read_text())

    @functools.cached_property
    def curves(self):
        """Columns of metrics.csv by name, arrays of numbers or of strings."""
        with (self.folder / "metrics.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        return {name: _array([row[name] for row in rows]) for name in rows[0]}


def _array(cells):
    try:
        return np.array(cells, float)
    except ValueError:
        return np.array(cells)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The runs of all rows on one data set, with one number of segments.

    Attributes:
        data: as in `Job`.
        num_segments: m; None where examples differ in it.
        runs: `Run` by row and seed; what was not run is not there.
    """

    data: str
    num_segments: int | None
    runs: dict[str, dict[int, Run]]

    @property
    def name(self):
        """For tables; does not break within "m = 5"."""
        if self.num_segments is None:
            return self.data
        return f"{self.data} m\u00a0=\u00a0{self.num_segments}"

    def missing(self, *rows):
        """Those of the rows that have no run."""
        return [row for row in rows if not self.runs.get(row)]

    def final(self, row, figure):
        """{seed: a figure of the test examples after the last epoch}."""
        runs = self.runs.get(row, {})
        return {seed: run.results["test"][figure] for seed, run in runs.items()}

    def focus(self, row):
        """{seed: FT on the test examples after every epoch, (epochs,)}."""
        runs = self.runs.get(row, {})
        return {seed: run.curves["val_focus_accuracy"] for seed, run in runs.items()}

    def early_focus(self, row):
        """{seed: FT on the test examples, mean over the first quarter of the epochs}."""
        return {seed: ft[: max(1, len(ft) // 4)].mean() for seed, ft in self.focus(row).items()}


def comparisons(runs):
    """The `Comparison`s of `Run`s, of jobs that have a row; in the order in which they begin."""
    found: dict = {}
    for run in runs:
        if run.job.row is not None:
            place = run.job.data, run.job.settings.get("num_segments")
            rows = found.setdefault(place, {row: {} for row in ROWS})
            rows[run.job.row][run.job.settings["seed"]] = run
    return [Comparison(data, m, rows) for (data, m), rows in found.items()]
