r"""Trains a focus and a classification network on SDC mosaics.

    python -m attention_zoo.trainers.sdc --workdir=runs/sdc
    python -m attention_zoo.trainers.sdc --dataset=sdc/cifar10 --attention=lvml --workdir=runs/lvml

Without flags: hybrid attention on digits mosaics, m = 5. On 2 cores of an AMD EPYC, no GPU:
35 s from start to finished folder, 8 s of them imports; on test images FT 99.3 %, accuracy by
argmax 99.7 %. Results on CIFAR-10 stand in docs/results.md.
"""

import dataclasses

import keras

from attention_zoo import datasets, plots
from attention_zoo._settings import make, setting
from attention_zoo.evaluation import evaluate
from attention_zoo.models import NETWORKS, FocusClassifier, networks
from attention_zoo.trainers.about import write_about
from attention_zoo.trainers.augment import AUGMENTATIONS, augmented, check_augment
from attention_zoo.trainers.command import Command
from attention_zoo.trainers.examples import mosaic_examples
from attention_zoo.trainers.resident import resident
from attention_zoo.trainers.results import evaluation_tables, write_results
from attention_zoo.trainers.run_settings import (
    RunSettings,
    check_run_settings,
    load_initial_weights,
    make_attention,
    make_monitors,
    make_optimizer,
    make_switch,
    precision,
)
from attention_zoo.trainers.strategies import is_chief, make_strategy
from attention_zoo.trainers.training import on_one_replica, train
from attention_zoo.trainers.workdir import Workdir


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(RunSettings):
    """Settings of a run; each is a flag of the same name."""

    dataset: str = setting("sdc/digits", "Name of the data set.")
    data_dir: str | None = setting(None, "Folder of tensorflow_datasets; its own default if unset.")
    protocol: str = setting(
        "disjoint",
        "Test mosaics from the test images (disjoint) or from the training images (paper).",
        choices=("disjoint", "paper"),
    )
    train_split: str = setting("train", "Images to train on, in the TFDS slicing language.")
    test_split: str = setting("test", "Images to test on, in the TFDS slicing language.")
    validation_split: str | None = setting(
        None, "Images for a third evaluation at the end, to choose settings by."
    )
    num_segments: int = setting(5, "Segments of a mosaic, m.", least=2)
    num_examples: int | None = setting(None, "Training mosaics; the data set's default if unset.")
    num_test_examples: int | None = setting(None, "Test mosaics; the data set's default if unset.")
    augment: str = setting(
        "none",
        "Of training mosaics, every segment anew at every step: flips left to right, and shifts by "
        "up to an eighth of the image.",
        choices=tuple(AUGMENTATIONS),
    )
    network: str | None = setting(
        None, "Pair of networks; the data set's own if unset.", choices=tuple(NETWORKS)
    )


def train_and_evaluate(workdir, **settings):
    """Trains, evaluates and exports one model; started again, goes on where it was broken off.

    Args:
        workdir: the run's folder; holds config.json, data.json (fingerprints of the data, which a
            resumed run must have), metrics.csv, TensorBoard events, checkpoints, pictures,
            model.keras, saved_model/, report.html and, last of all, results.json.
        **settings: fields of `Settings`.

    Returns:
        An `Evaluation` each for "train", on as many of its mosaics as there are test mosaics, for
        "test" and, where a validation split is set, for "validation".

    Raises:
        ValueError: bad settings, or a workdir that cannot be used, as where the data have changed
        since the run began. FileNotFoundError: the data
        are not there. FloatingPointError: the loss is not finite. Preempted: after SIGTERM, SIGINT
        or SIGHUP. OSError: the disk is full.
    """
    chosen = make(Settings, settings)
    keras.utils.set_random_seed(chosen.seed)
    strategy = make_strategy(chosen.strategy)
    training = _load(chosen, chosen.train_split, chosen.num_examples)
    test = _load(chosen, chosen.test_split, chosen.num_test_examples)
    splits = {"train": training, "test": test}
    if chosen.validation_split is not None:
        split = chosen.validation_split
        splits["validation"] = _load(chosen, split, chosen.num_test_examples)
    check_run_settings(chosen, training.num_examples, strategy.num_replicas_in_sync)
    check_augment(chosen.augment, training.segment_shape)
    with strategy.scope():
        model = build_model(chosen, training)
    data = {name: info.source.fingerprint() for name, info in splits.items()}
    writes = is_chief(strategy)
    with Workdir(workdir, dataclasses.asdict(chosen), writes, data) as run:
        write_about(run, "sdc", Settings())
        switch = make_switch(chosen, lambda: _probe(training))
        monitors = make_monitors(chosen, lambda: _probe(training))
        _train(model, run, chosen, training, test, switch, monitors)
        model = on_one_replica(model)
        evaluations = {name: _evaluate(model, info, test) for name, info in splits.items()}
        if run.writes:
            pictures, examples = _pictures(model, test), mosaic_examples(model, test)
            switched = switch and switch.switched_epoch
            write_results(run, model, evaluations, pictures, switched, examples)
    return evaluations


def _load(settings, split, num_examples):
    """The `DatasetInfo` of a split."""
    options = {"num_segments": settings.num_segments, "num_examples": num_examples}
    if settings.dataset == "orthogonal" and settings.protocol != "disjoint":
        raise ValueError(f"protocol is {settings.protocol!r}, expected 'disjoint' with orthogonal")
    if settings.dataset.startswith("sdc/"):  # drawn from images
        options |= {"protocol": settings.protocol, "data_dir": settings.data_dir}
    return datasets.load(settings.dataset, split, seed=settings.seed, **options)[1]


def build_model(settings, info):
    """The compiled FocusClassifier, built."""
    name = settings.network or _NETWORK.get(info.name, "cifar10")
    with precision(settings):
        focus, classifier = networks(name, info.segment_shape, info.num_classes)
        model = FocusClassifier(
            focus,
            classifier,
            make_attention(settings),
            inference=settings.inference,
            class_names=info.class_names,
        )
        model.build((None, info.num_segments, *info.segment_shape))
    load_initial_weights(model, settings)
    model.compile(make_optimizer(settings, model))
    return model


_NETWORK = {"sdc/digits": "digits", "sdc/cifar100": "cifar100", "orthogonal": "linear"}


def _probe(training):
    """A batch of training mosaics to measure the drive to focus on."""
    return next(iter(training.source.dataset(256)))


def _train(model, run, settings, training, test, switch, monitors):
    """Trains the steps that are left; base images are gathered on the device."""
    source, size = training.source, settings.batch_size
    gather, gather_test = (
        resident(one, model.distribute_strategy) for one in (source, test.source)
    )

    def batches(first_step):
        return source.endless_indices(size, seed=settings.seed, first_step=first_step)

    train(
        model,
        run,
        settings,
        batches,
        steps_per_epoch=training.num_examples // size,
        prepare=augmented(gather, settings.augment, settings.seed),
        validation=test.source.index_dataset(size),
        switch=switch,
        monitors=monitors,
        prepare_validation=gather_test,
    )


def _evaluate(model, info, limit):
    """Evaluation on the first mosaics of `info`, as many as `limit` has at most."""
    return evaluate(model, info.source.head(limit.num_examples).dataset(256))


def _pictures(model, test):
    """The first eight test mosaics with the model's attention, where segments are images."""
    if len(test.segment_shape) != 3:
        return {}
    segments, truth = next(iter(test.source.dataset(8)))
    outputs = model.predict_on_batch(segments)
    figure = plots.mosaics(
        segments,
        outputs["focus"],
        focus=truth["focus"],
        labels=truth["label"],
        predictions=outputs["label"].argmax(axis=-1),
        class_names=test.class_names,
    )
    return {"mosaics": figure}


COMMAND = Command(train_and_evaluate, Settings, "runs/sdc", evaluation_tables)
run = COMMAND.run  # the console script

if __name__ == "__main__":
    run()
