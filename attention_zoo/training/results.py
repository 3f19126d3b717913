"""What fills a run's folder: about.json when it begins; models, pictures and figures in the end."""

import dataclasses
import datetime
import functools
import json

import keras
import numpy as np
import tensorflow as tf
from absl import logging

from attention_zoo import plots, report
from attention_zoo._version import __version__
from attention_zoo.training.task import MEASURED_TRAIN


def write_metadata(folder, task, defaults, words=None, path=None):
    """Writes `about.json`: task, its words, versions, when the run began, the settings' defaults.

    A run that is taken up again keeps what was written when it began.

    Args:
        folder: the `Workdir`.
        task: its name.
        defaults: the settings as they are without flags, a dataclass.
        words: the task's `Words`, if it has any.
        path: of the task's class, see `training.task_path`; None for none.
    """
    if (folder.path / "about.json").exists():
        return
    began = datetime.datetime.now(datetime.timezone.utc)
    about = {
        "task": task,
        **({} if path is None else {"class": path}),
        "words": {} if words is None else dataclasses.asdict(words),
        "began": began.isoformat(timespec="seconds"),
        "attention_zoo": __version__,
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "defaults": dataclasses.asdict(defaults),
    }
    folder.write_text("about.json", json.dumps(about, indent=2) + "\n")


def measured_splits(task, splits, seed):
    """The splits that are evaluated, by name; "train" where there is no other.

    Of the training examples as many as the others have at most, chosen at random: their order may
    be one of classes.
    """
    names = [name for name in task.measured if name in splits] or ["train"]
    most = max((len(split.source) for name, split in splits.items() if name != "train"), default=0)
    n = len(splits["train"].source)
    if not 0 < most < n:
        return {name: splits[name] for name in names}
    rows = np.sort(np.random.default_rng(seed).choice(n, most, replace=False))
    part = dataclasses.replace(splits["train"], source=splits["train"].source.rows(rows))
    return {name: part if name == "train" else splits[name] for name in names}


def floors_of(task, training, measured):
    """Floors of the very examples that are measured, learnt from all that were trained on."""
    is_part = measured.get("train", training) is not training
    part = {MEASURED_TRAIN: measured["train"]} if is_part else {}
    found = task.floors(measured | {"train": training} | part)
    found |= {"train": found.pop(MEASURED_TRAIN)} if MEASURED_TRAIN in found else {}
    return {name: figures for name, figures in found.items() if figures}


def evaluate_and_write(task, model, folder, config, splits, measured, facts, floors):
    """Evaluates every split, the test split now for the first time, and fills the folder."""
    evaluations = {name: task.evaluate(model, split, config) for name, split in measured.items()}
    if folder.writes:
        _write(task, model, folder, config, measured, evaluations, facts)
        results = {name: found.scalars() for name, found in evaluations.items()}
        results |= _known_of(splits, measured) | facts | task.facts(splits)
        finish(folder, results | ({"floors": floors} if floors else {}))
        _say_collapse(facts)
    return evaluations


def _say_collapse(facts):
    """Says it once more, last of all: a collapsed run is no ordinary success."""
    if facts.get("collapsed_epoch") is not None:
        epoch = facts["collapsed_epoch"]
        logging.warning("attention has been collapsed since epoch %d (docs/collapse.md)", epoch)
    if "dead_epoch" in facts:
        epoch = facts["dead_epoch"]
        logging.warning("the focus network has been dead since epoch %d (docs/collapse.md)", epoch)


def _known_of(splits, measured):
    """How many examples figures are of, and what classes are called."""
    counts = {name: len(split.source) for name, split in measured.items()}
    names = list(splits["train"].class_names)
    return {"num_examples": counts} | ({"class_names": names} if names else {})


def _write(task, model, folder, config, splits, evaluations, facts):
    """Models, pictures, histograms and examples; these of the test split, if there is one."""
    shown = next(name for name in ("test", "validation", "train") if name in splits)
    folder.write("model.keras", model.save)
    folder.write("saved_model", lambda path: task.export(model, str(path), config), folder=True)
    curves = plots.training_curves(
        folder.path / "metrics.csv",
        switch_epoch=facts.get("switched_epoch"),
        kept_epoch=facts.get("kept_epoch"),
    )
    figures = {"curves": curves} | task.figures(model, splits[shown], evaluations[shown], config)
    for name, figure in figures.items():
        folder.write(f"{name}.png", functools.partial(figure.savefig, format="png"))
    examples = task.examples(model, splits[shown], config)
    if examples is not None:
        folder.write_text("examples.json", json.dumps(examples) + "\n")
    for name, text in task.files(model, splits, evaluations, config).items():
        folder.write_text(name, text)


def finish(folder, results):
    """Writes report.html of all that is there and, the mark of a finished run, results.json."""
    report.write(folder.path, results)
    folder.write_text("results.json", json.dumps(results, indent=2) + "\n")
