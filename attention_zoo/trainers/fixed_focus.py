r"""Trains classification networks under a focus that is held, and records their drives to focus.

    python -m attention_zoo.trainers.fixed_focus --workdir=runs/fixed_focus
    python -m attention_zoo.trainers.fixed_focus --dataset=sdc/cifar10 --workdir=runs/signature

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
from attention_zoo.trainers import fixed_focus_settings
from attention_zoo.trainers.command import Command
from attention_zoo.trainers.fixed_focus_classifiers import FixedFocusClassifiers
from attention_zoo.trainers.fixed_focus_records import RecordDrives, summary, table
from attention_zoo.trainers.fixed_focus_settings import Settings, completed
from attention_zoo.training.run import finish, make_loop, run_loop
from attention_zoo.training.run_callbacks import Progress, StopIfNotFinite
from attention_zoo.training.run_metadata import write_metadata
from attention_zoo.training.workdir import Workdir


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
    attentions = fixed_focus_settings.attentions(settings)
    alphas = fixed_focus_settings.alphas(settings)
    _, classifier = networks(settings.network, info.segment_shape, info.num_classes)
    rates = fixed_focus_settings.learning_rates(settings)
    model = FixedFocusClassifiers(
        classifier, attentions=attentions, alphas=alphas, learning_rates=rates
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


COMMAND = Command(train_and_evaluate, Settings, "runs/fixed_focus", table, __doc__)
run = COMMAND.run  # the console script

if __name__ == "__main__":
    run()
