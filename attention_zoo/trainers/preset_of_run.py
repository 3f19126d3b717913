"""A preset with its card from a finished run: weights, settings and figures of its folder."""

import dataclasses
import math
import platform
import shlex
from pathlib import Path

import keras
import tensorflow as tf

from attention_zoo import datasets
from attention_zoo._errors import one_line
from attention_zoo._json import loads
from attention_zoo._settings import make
from attention_zoo._version import __version__
from attention_zoo.evaluation import evaluate
from attention_zoo.models import FocusClassifier
from attention_zoo.tasks import MosaicsTask
from attention_zoo.zoo import Card

_SDC = "python -m attention_zoo.trainers.sdc"


def preset_of_run(preset, chosen):
    """Makes the preset; see `make_preset`.

    Args:
        preset: the folder to make.
        chosen: `make_preset.Settings`.
    """
    folder = Path(chosen.run)
    config, results = (_read(folder, name) for name in ("config.json", "results.json"))
    if not str(config.get("dataset")).startswith("sdc/"):
        raise ValueError(f"run {folder} is of no data set sdc/…, expected one of trainers.sdc")
    known = {f.name for f in dataclasses.fields(MosaicsTask.config)}
    trained = make(MosaicsTask.config, {k: v for k, v in config.items() if k in known})
    data, test = _load(trained, trained.test_split, trained.num_test_examples)
    card = _card(chosen, Path(preset).name, trained, data, test, results.get("test", {}))
    model = _model(folder)
    _check_figures(folder, model, test, card.figures)
    model.save_to_preset(preset, card=card)
    return card


def _read(folder, name):
    try:
        content = loads((folder / name).read_bytes())
    except (OSError, ValueError) as error:
        raise ValueError(f"run {folder} has no sound {name}, expected a finished run") from error
    if not isinstance(content, dict):
        kind = type(content).__name__
        raise ValueError(f"run {folder} has a {name} that is a {kind}, expected a mapping")
    return content


def _model(folder):
    try:
        return keras.saving.load_model(folder / "model.keras", compile=False)
    except Exception as error:  # of zip, JSON, HDF5 or the classes that it names
        reason = one_line(error)
        raise ValueError(
            f"run {folder} has no sound model.keras ({reason}), expected a finished run"
        ) from error


_LATER = (
    *("attention_mass", "ece", "brier", "aurc", "comprehensiveness", "sufficiency", "flip_rate"),
    *("deletion_area", "insertion_area"),
)


def _check_figures(folder, model, test, figures):
    """Raises unless the model has the figures, shares to 2 examples and means to 0.002.

    Runs that were made before these were measured lack those of `_LATER`.
    """
    if not isinstance(model, FocusClassifier):
        kind = type(model).__name__
        raise ValueError(f"model.keras of run {folder} is a {kind}, expected a FocusClassifier")
    found = evaluate(model, test.source.dataset(256)).scalars()
    later = {name for name in found if name.endswith(_LATER)}
    for name in sorted((found.keys() - later) | figures.keys()):
        share, is_mean = 2.01 / test.num_examples, name == "entropy" or name.endswith("_nll")
        atol = 0.002 if is_mean else max(share, 0.002) if name in later else share
        if not abs(figures.get(name, math.nan) - found.get(name, math.nan)) <= atol:
            raise ValueError(
                f"run {folder} has {name} {figures.get(name)} in results.json, expected "
                f"{found.get(name)}, as measured on its model.keras"
            )


def _card(chosen, name, trained, data, test, figures):
    """The card of a run with the settings `trained`."""
    _, training = _load(trained, trained.train_split, trained.num_examples)
    shape = ", ".join(map(str, test.segment_shape))
    return Card(
        name=name,
        description=chosen.description,
        inputs=f"float32 (b, m, {shape}), m = {test.num_segments} in training; bytes are scaled "
        "by (x - 127.5) / 127.5",
        classes=test.class_names,
        data=data,
        protocol=f"{test.protocol}: trained on {training.num_examples} mosaics of the images "
        f"{training.split!r}, measured on {test.num_examples} of {test.split!r}",
        licence=test.citation if chosen.licence is None else chosen.licence,
        command=command(trained, f"runs/{name}"),
        seed=trained.seed,
        seconds=chosen.seconds,
        machine=chosen.machine,
        versions=_versions(),
        num_examples=test.num_examples,
        figures=figures,
        limits=tuple(filter(None, chosen.limits.split("; "))),
    )


def _load(trained, split, num_examples):
    """The arguments of `datasets.load` for a split of a run's data, and its `DatasetInfo`."""
    arguments = {
        "name": trained.dataset,
        "split": split,
        "num_segments": trained.num_segments,
        "num_examples": num_examples,
        "protocol": trained.protocol,
        "seed": trained.seed,
    }
    _, info = datasets.load(**arguments, data_dir=trained.data_dir)
    return arguments | {"num_examples": info.num_examples}, info


def command(trained, workdir):
    """The command line of a run: the attention, all that is not the default, the workdir.

    Args:
        trained: `MosaicsConfig`.
        workdir: the run's folder.
    """
    parts = [f"--attention={trained.attention}"]
    for field in dataclasses.fields(trained):
        value = getattr(trained, field.name)
        if field.name not in ("attention", "data_dir") and value != field.default:
            parts.append(f"--{field.name}={shlex.quote(str(value))}")
    return " ".join([_SDC, *parts, f"--workdir={workdir}"])


def _versions():
    return {
        "attention_zoo": __version__,
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "python": platform.python_version(),
    }
