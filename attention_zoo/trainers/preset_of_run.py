"""A preset with its card from a finished run: weights, settings and figures of its folder."""

import dataclasses
import math
import platform
import shlex
from pathlib import Path

import keras
import tensorflow as tf

from attention_zoo import tasks
from attention_zoo._errors import one_line
from attention_zoo._json import loads
from attention_zoo._settings import make
from attention_zoo._version import __version__
from attention_zoo.models import FocusClassifier
from attention_zoo.report.run import OWN_DATA
from attention_zoo.zoo import Card

_TRAINERS = {"mosaics": "sdc", "text": "hatexplain", "bags": "bags"}
_WITH_CALLBACKS = "It was trained with callbacks, which the command does not give."


def preset_of_run(preset, chosen):
    """Makes the preset; see `make_preset`.

    Args:
        preset: the folder to make.
        chosen: `make_preset.Settings`.
    """
    folder = Path(chosen.run)
    about, config, results = (
        _read(folder, name) for name in ("about.json", "config.json", "results.json")
    )
    if about.get("task") not in _TRAINERS or config.get("dataset") == OWN_DATA:
        raise ValueError(
            f"run {folder} is of the task {about.get('task')} on {config.get('dataset')}, expected "
            f"one of {', '.join(_TRAINERS)}, on data of a name"
        )
    task = tasks.get(about["task"])
    known = {f.name for f in dataclasses.fields(task.config)}
    trained = make(task.config, {k: v for k, v in config.items() if k in known})
    splits = task.load(trained)
    card = _card(chosen, Path(preset).name, task, trained, splits, results.get("test", {}))
    if config.get("callbacks"):
        card = dataclasses.replace(card, limits=(*card.limits, _WITH_CALLBACKS))
    model = _model(folder)
    _check_figures(folder, model, task, trained, splits["test"], card.figures)
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
    *("deletion_area", "insertion_area", "num_left_out"),
)


def _check_figures(folder, model, task, trained, test, figures):
    """Raises unless the model has the figures, shares to 2 examples and means to 0.002.

    Runs that were made before these were measured lack those of `_LATER`.
    """
    if not isinstance(model, FocusClassifier):
        kind = type(model).__name__
        raise ValueError(f"model.keras of run {folder} is a {kind}, expected a FocusClassifier")
    split = task.inputs({"test": test}, model, trained, folder)["test"]
    found = task.evaluate(model, split, trained).scalars()
    later = {name for name in found if name.endswith(_LATER)}
    for name in sorted((found.keys() - later) | figures.keys()):
        share, is_mean = 2.01 / test.num_examples, name == "entropy" or name.endswith("_nll")
        atol = 0.002 if is_mean else max(share, 0.002) if name in later else share
        if not abs(figures.get(name, math.nan) - found.get(name, math.nan)) <= atol:
            raise ValueError(
                f"run {folder} has {name} {figures.get(name)} in results.json, expected "
                f"{found.get(name)}, as measured on its model.keras"
            )


def _card(chosen, name, task, trained, splits, figures):
    """The card of a run with the settings `trained`."""
    test = splits["test"]
    return Card(
        name=name,
        description=chosen.description,
        classes=test.class_names,
        **task.card(trained, splits),
        licence=test.citation if chosen.licence is None else chosen.licence,
        command=command(task, trained, f"runs/{name}"),
        seed=trained.seed,
        seconds=chosen.seconds,
        machine=chosen.machine,
        versions=_versions(),
        num_examples=test.num_examples,
        figures=figures,
        limits=tuple(filter(None, chosen.limits.split("; "))),
    )


def command(task, trained, workdir):
    """The command line of a run: the attention, all that is not the default, the workdir.

    Of `data_dir` the name alone, and only of a file: folders are of this machine.

    Args:
        task: the `Task`.
        trained: its settings.
        workdir: the run's folder.
    """
    parts = [f"--attention={trained.attention}"]
    for field in dataclasses.fields(trained):
        value = getattr(trained, field.name)
        if field.name == "data_dir":
            value = Path(value).name if value and Path(value).is_file() else field.default
        if field.name != "attention" and value not in (None, field.default):
            parts.append(f"--{field.name}={shlex.quote(str(value))}")
    program = f"python -m attention_zoo.trainers.{_TRAINERS[task.name]}"
    return " ".join([program, *parts, f"--workdir={workdir}"])


def _versions():
    return {
        "attention_zoo": __version__,
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "python": platform.python_version(),
    }
