"""What finished jobs found: runs side by side, the trajectories of theory, the drives."""

import dataclasses
import functools
from pathlib import Path

from attention_zoo._json import loads
from attention_zoo.report.csv_table import read_columns
from experiments.reproduction import training_images
from experiments.reproduction.job import ROWS, Job

TEST, TRAINING = "test images", "training images"
SEEN = "training mosaics"  # themselves, in curves alone
SCORES = "score_range"  # column of metrics.csv, of `StabilityCurves`


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
    def config(self):
        """Of config.json: all settings of the run."""
        return loads((self.folder / "config.json").read_bytes())

    @functools.cached_property
    def results(self):
        """Of results.json."""
        return loads((self.folder / "results.json").read_bytes())

    @functools.cached_property
    def curves(self):
        """Columns of metrics.csv by name, arrays of numbers or of strings."""
        return read_columns(self.folder / "metrics.csv")

    @functools.cached_property
    def on_training_images(self):
        """Of training_images.json: figures as "test" of results.json, by name."""
        return training_images.figures(self.folder)

    def final(self, images):
        """Figures after the last epoch, of test examples of these images, by name."""
        return self.results["test"] if images == TEST else self.on_training_images

    def by_epoch(self, measure, images):
        """FT or accuracy, "focus_accuracy" or "label_accuracy", after every epoch: (epochs,)."""
        return self.curves[f"{_COLUMNS[images]}{measure}"]

    @property
    def hours(self):
        """That its epochs took, validation and figures among them; None where it was not taken."""
        return self.curves["seconds"].sum() / 3600 if "seconds" in self.curves else None

    @property
    def files_read(self):
        """Names of the files in its folder that the results page reads."""
        return "config.json", "results.json", "metrics.csv", *_READ[self.job.trainer][-1]

    def lacking(self):
        """What the results page reads of the run that its files do not have, by name.

        Raises:
            OSError, ValueError, LookupError, TypeError: a file is damaged.
        """
        results, curves, pictures = _READ[self.job.trainer]
        there = {path.name for path in self.folder.iterdir()}
        return (
            [f"{name} in results.json" for name in results if name not in self.results]
            + [f"{name} in metrics.csv" for name in curves if name not in self.curves]
            + [name for name in pictures if name not in there]
        )


_COLUMNS = {TEST: "val_", TRAINING: "paper_", SEEN: ""}  # of metrics.csv, how they begin


def _by_epoch(*images):
    return tuple(
        f"{_COLUMNS[one]}{measure}"
        for one in images
        for measure in ("focus_accuracy", "label_accuracy")
    )


# Names that the page reads, by trainer: of results.json, columns of metrics.csv, pictures.
_FLOW = tuple(f"{row}_{figure}" for row in ("soft", "hard", "lvml") for figure in ("mu", "nu"))
_READ: dict[str, tuple[tuple[str, ...], ...]] = {
    "gradient_flow": (("deviation", "largest_deviation"), _FLOW, ("phase_portrait.png",)),
    "fixed_focus": ((), ("epoch", "attention", "alpha", "drive"), ("fixed_focus.png",)),
    "sdc": (("test",), _by_epoch(TEST), ()),
    "sdc_curves": (("test",), (*_by_epoch(*_COLUMNS), SCORES), (training_images.NAME,)),
    "hatexplain": (("test",), _by_epoch(TEST), ()),
    "captions": (("test",), (), ()),
}


@dataclasses.dataclass(frozen=True)
class Condition:
    """What runs are compared on.

    Attributes:
        data: as in `Job`.
        num_segments: m; None where examples differ in it.
        images: TEST, or TRAINING: mosaics drawn anew of those that the model was trained on.
    """

    data: str
    num_segments: int | None
    images: str = TEST

    @property
    def group(self):
        """Data and images, for a heading."""
        return self.data if self.images == TEST else f"{self.data}, {self.images}"

    @property
    def name(self):
        """For tables; does not break within "m = 5"."""
        if self.num_segments is None:
            return self.group
        m = f"{self.data} m\u00a0=\u00a0{self.num_segments}"
        return m if self.images == TEST else f"{m}, {self.images}"


_COMPARED = ("sdc", "sdc_curves", "hatexplain")  # trainers whose examples have a true segment


def conditions_of(jobs):
    """{`Condition`: its rows}, of jobs that are compared; as they begin, TRAINING last."""
    compared = [job for job in jobs if job.row and job.trainer in _COMPARED]
    anew = [job for job in compared if job.trainer == "sdc_curves"]
    found: dict[Condition, set[str]] = {}
    for some, images in ((compared, TEST), (anew, TRAINING)):
        for job in some:
            condition = Condition(job.data, job.settings.get("num_segments"), images)
            found.setdefault(condition, set()).add(job.row)
    return found


@dataclasses.dataclass(frozen=True)
class Comparison:
    """The runs of all rows at one `Condition`.

    Attributes:
        condition: the `Condition`.
        runs: `Run` by row and seed; what was not run is not there.
    """

    condition: Condition
    runs: dict[str, dict[int, Run]]

    @property
    def name(self):
        """Of the condition."""
        return self.condition.name

    @property
    def num_segments(self):
        """Of the condition."""
        return self.condition.num_segments

    def missing(self, *rows):
        """Those of the rows that have no run."""
        return [row for row in rows if not self.runs.get(row)]

    def seeds(self, *rows):
        """The seeds that all of the rows have, in order."""
        return sorted(set.intersection(*(set(self.runs.get(row, ())) for row in rows)))

    def only(self, seeds):
        """The `Comparison` of the runs of these seeds."""
        runs = {
            row: {seed: run for seed, run in by_seed.items() if seed in seeds}
            for row, by_seed in self.runs.items()
        }
        return dataclasses.replace(self, runs=runs)

    def final(self, row, figure):
        """{seed: a figure of the test examples after the last epoch}."""
        runs = self.runs.get(row, {})
        return {seed: run.final(self.condition.images)[figure] for seed, run in runs.items()}

    def by_epoch(self, row, measure, images=None):
        """{seed: a measure after every epoch, (epochs,)}, of its images or of others."""
        runs = self.runs.get(row, {})
        images = images or self.condition.images
        return {seed: run.by_epoch(measure, images) for seed, run in runs.items()}

    def score_ranges(self, row):
        """{seed: mean range of a mosaic's scores after every epoch, (epochs,)}, where measured."""
        runs = self.runs.get(row, {})
        return {seed: run.curves[SCORES] for seed, run in runs.items() if SCORES in run.curves}

    def focus(self, row):
        """{seed: FT on held-out examples after every epoch, (epochs,)}."""
        return self.by_epoch(row, "focus_accuracy")

    def early_focus(self, row):
        """{seed: mean of `focus` over the first quarter of the epochs of the shortest run}."""
        shortest = min(len(ft) for each in self.runs for ft in self.focus(each).values())
        return {seed: ft[: max(1, shortest // 4)].mean() for seed, ft in self.focus(row).items()}


def comparisons(runs):
    """The `Comparison`s of `Run`s, of jobs that have a row, as `conditions_of` has them."""
    conditions = conditions_of([run.job for run in runs])
    found: dict[Condition, dict] = {one: {row: {} for row in ROWS} for one in conditions}
    for run in runs:
        for condition in conditions_of([run.job]):
            found[condition][run.job.row][run.job.settings["seed"]] = run
    return [Comparison(condition, rows) for condition, rows in found.items()]
