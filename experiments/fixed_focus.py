r"""Trains classification networks under a focus that is held, and records their drives to focus.

    python -m experiments.fixed_focus --workdir=runs/fixed_focus
    python -m experiments.fixed_focus --dataset=sdc/cifar10 --workdir=runs/signature

For each of the losses and each alpha a network: attention is alpha on the true segment, the first,
and (1 - alpha)/(m - 1) on each other one, and stays so. After every epoch, on the training mosaics:
the loss L(alpha), the drive L(alpha) - L(alpha + 0.01) that this network would give to a focus that
could move, and -dL/dalpha. All networks are trained in the same compiled step.

On 2 cores of an AMD EPYC, no GPU: digits, without flags, 5.5 min; CIFAR-10 about 25 min, by the
time of its steps (benchmarks/fixed_focus.py), and 91 min on one core of a machine in use. There
soft's drive at alpha = 0.6 is 0.0044, 0.0041 and 0.0005 nats about epochs 10 and 50 and in the last
five, hard's at alpha = 1 0.023, 0.097 and 0.118: the one fades, the other grows. At alpha = 0.2
soft's levels off about epoch 90; with --attention=soft --learning_rate=0.02 --epochs=60 it peaks at
epoch 20 and ends at a fifth of that.
"""

import dataclasses

import keras
import numpy as np

from attention_zoo import datasets, plots
from attention_zoo._settings import make
from attention_zoo.datasets.mosaics.device_dataset import resident
from attention_zoo.models.networks.registry import networks
from attention_zoo.report.csv_table import read_rows
from attention_zoo.trainers.command import Command
from attention_zoo.training.about import write_metadata
from attention_zoo.training.results import finish
from attention_zoo.training.run import make_loop, run_loop
from attention_zoo.training.run_callbacks import Progress, StopIfNotFinite
from attention_zoo.training.workdir import Workdir
from experiments.held_focus.classifiers import FIGURES, FixedFocusClassifiers
from experiments.held_focus.settings import (
    Settings,
    alphas,
    attentions,
    completed,
    learning_rates,
)


def train_and_evaluate(workdir, **settings):
    """Trains all networks and records their drives; started again, goes on where it was broken off.

    Args:
        workdir: the run's folder; holds config.json, metrics.csv, TensorBoard events, checkpoints,
            fixed_focus.png, report.html and, last of all, results.json.
        **settings: fields of `Settings`.

    Returns:
        {attention: {alpha: {figure: {epoch: number}}}}, all but the number strings: figures are
        "loss", "drive" (nats) and "derivative" (-dL/dalpha, nats per unit of attention), epochs
        0 (before training), 1, 10, 50 and the last, as far as there are these.

    Raises:
        ValueError: bad settings, or a workdir that cannot be used. FileNotFoundError: the data
        are not there. FloatingPointError: the loss is not finite. Preempted: after a signal.
    """
    chosen = completed(make(Settings, settings))
    keras.utils.set_random_seed(chosen.seed)
    info = _load(chosen)
    model = build_model(chosen, info)
    data = {"train": info.source.fingerprint()}
    with Workdir(workdir, dataclasses.asdict(chosen), data=data) as run:
        write_metadata(run, "fixed_focus", Settings())
        _train(model, run, chosen, true_segment_first(info.source))
        figure = plots.fixed_focus(run.path / "metrics.csv", window=5)
        run.write("fixed_focus.png", lambda path: figure.savefig(path, format="png"))
        results = summary(run)
        finish(run, results)
    return results


def recorded(**settings):
    """The settings of a run as config.json has them, by name."""
    return dataclasses.asdict(completed(make(Settings, settings)))


def _load(settings):
    """The `DatasetInfo` of the training mosaics."""
    options = {"num_segments": settings.num_segments, "num_examples": settings.num_examples}
    if settings.dataset.startswith("sdc/"):  # drawn from images
        options["data_dir"] = settings.data_dir
    info = datasets.load(settings.dataset, settings.train_split, seed=settings.seed, **options)[1]
    for name in ("batch_size", "num_probe_examples"):
        if getattr(settings, name) > info.num_examples:
            raise ValueError(
                f"{name} is {getattr(settings, name)}, expected {info.num_examples} or less, the "
                "training examples"
            )
    return info


def true_segment_first(source):
    """The same `Mosaics` with the foreground image at position 0, exchanged with what was there."""
    table, rows = source.table.copy(), np.arange(len(source.table))
    table[rows, source.focus], table[:, 0] = source.table[:, 0], source.table[rows, source.focus]
    return dataclasses.replace(source, table=table, focus=np.zeros_like(source.focus))


def build_model(settings, info):
    """The compiled FixedFocusClassifiers."""
    _, classifier = networks(settings.network, info.segment_shape, info.num_classes)
    model = FixedFocusClassifiers(
        classifier,
        attentions=attentions(settings),
        alphas=alphas(settings),
        learning_rates=learning_rates(settings),
    )
    model.compile(keras.optimizers.SGD(1.0, momentum=settings.momentum))
    return model


def _train(model, run, settings, source):
    """Trains the steps that are left."""
    size = settings.batch_size
    loop = make_loop(model, settings, prepare=resident(source))
    probe = source.head(settings.num_probe_examples).indices().dataset(size)
    run_loop(
        loop,
        run,
        settings,
        lambda step: source.indices().endless(size, seed=settings.seed, first_step=step),
        steps_per_epoch=len(source.table) // size,
        callbacks=_callbacks(run, lambda: loop.evaluate(probe)),
    )


def _callbacks(run, measure):
    tensorboard = keras.callbacks.TensorBoard(str(run.path / "tensorboard"), write_graph=False)
    return [StopIfNotFinite(run), RecordDrives(run, measure), Progress(), tensorboard]


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


COMMAND = Command(train_and_evaluate, Settings, "runs/fixed_focus", table, __doc__)
run = COMMAND.run  # the console script

if __name__ == "__main__":
    run()
