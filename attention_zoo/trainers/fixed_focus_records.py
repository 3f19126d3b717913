"""What a fixed-focus run writes down: its drives after every epoch, and their summary."""

import keras

from attention_zoo.report.csv_table import read_rows
from attention_zoo.trainers.fixed_focus_classifiers import FIGURES

_SUMMARISED = (0, 1, 10, 50)  # epochs, besides the last


class RecordDrives(keras.callbacks.Callback):
    """Writes `metrics.csv`: a row for each epoch, loss and alpha, epoch 0 being before training.

    Columns: epoch, attention, alpha, loss, drive, derivative. The figures are also added to the
    logs of the epoch, for the callbacks after this one.

    Args:
        workdir: the run's `Workdir`.
        measure: callable without arguments, -> the figures of the present weights by name, as
            `FixedFocusClassifiers` has them.
    """

    def __init__(self, workdir, measure):
        super().__init__()
        self._workdir = workdir
        self._measure = measure

    def on_train_begin(self, logs=None):
        if self.params["first_step"] == 0:
            self._record(0, self._measure())

    def on_epoch_end(self, epoch, logs=None):
        figures = self._measure()
        self._record(epoch + 1, figures)
        logs |= figures

    def _record(self, epoch, figures):
        path = self._workdir.path / "metrics.csv"
        before = _rows(path) if epoch > 0 else []  # of a run that went further than its checkpoint
        rows = [row for row in before if int(row["epoch"]) < epoch]
        for attention in self.model.attentions:
            for alpha in map("{:g}".format, self.model.alphas):
                row = {"epoch": epoch, "attention": attention, "alpha": alpha}
                rows.append(row | {f: figures[f"{f}_{attention}_{alpha}"] for f in FIGURES})
        self._workdir.write_metrics(rows)


def _rows(path):
    """The rows of `metrics.csv`, checked."""
    rows = read_rows(path)
    names = {"epoch", "attention", "alpha", *FIGURES}
    if not rows or rows[0].keys() != names or not all(row["epoch"].isdecimal() for row in rows):
        raise ValueError(f"{path} is damaged, expected columns {sorted(names)} of every epoch")
    return rows


def summary(workdir):
    """Of `metrics.csv`: {attention: {alpha: {"loss": {epoch: …}, "drive": …, "derivative": …}}}.

    Alphas and epochs are strings, as JSON has them; epochs are 0, 1, 10, 50 and the last.
    """
    rows = _rows(workdir.path / "metrics.csv")
    last = int(rows[-1]["epoch"])
    kept: dict = {}
    for row in rows:
        if int(row["epoch"]) in (*_SUMMARISED, last):
            figures = kept.setdefault(row["attention"], {}).setdefault(row["alpha"], {})
            for name in FIGURES:
                figures.setdefault(name, {})[row["epoch"]] = float(row[name])
    return kept


def table(results):
    """The drives of a `summary` as lines of text."""
    epochs = list(next(iter(next(iter(results.values())).values()))["drive"])
    lines = ["drive to focus, nats: " + "".join(f"{'epoch ' + e:>12}" for e in epochs)]
    for attention, by_alpha in results.items():
        for alpha, figures in by_alpha.items():
            name = f"{attention}, alpha = {alpha}"
            lines.append(f"{name:22}" + "".join(f"{figures['drive'][e]:12.6f}" for e in epochs))
    return "\n".join(lines)
