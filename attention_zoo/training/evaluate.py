"""Evaluates the model of a finished run, on its own test examples or on others."""

import dataclasses
from pathlib import Path

import keras

from attention_zoo._paths import expanded
from attention_zoo.report.run import Run
from attention_zoo.training.task import SPLITS, config_of


def evaluate_run(task, run, *, split="test", data=None, **settings):
    """Evaluates a run's model.

    Args:
        task: the run's `Task`.
        run: its folder.
        split: "train", "validation" or "test".
        data: data of your own in place of those that the settings name, as in `az.train`.
        **settings: in place of the run's: `data_dir="elsewhere"`, `num_segments=20`. Where none of
            them says which data, these have to be the run's.

    Returns:
        An evaluation, as the task's `evaluate` makes it.

    Raises:
        ValueError: no finished run, bad settings, or data that its model was not trained for.
        FileNotFoundError: the data are not there.
    """
    folder = expanded(Path(run))
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}, expected one of {list(SPLITS)}")
    kept = _finished(folder)
    recorded = _settings(task, kept)
    is_own = recorded.get("dataset") == "own data"
    if data is None and is_own and "dataset" not in settings:
        raise ValueError(f"run {folder} was trained on data of your own, expected them as data")
    own = {"dataset": task.config().dataset} if is_own else {}
    config = config_of(task, recorded | own | settings)
    model = _load(folder)
    splits = task.load(config) if data is None else {split: task.accept(data, config)}
    if split not in splits:
        raise ValueError(f"split is {split!r}, expected one of {sorted(splits)}")
    chosen = {split: splits[split]}
    if data is None and not settings.keys() & set(task.data_settings):
        then = dataclasses.replace(config, seed=recorded.get("seed", config.seed))
        drawn = chosen if then == config else {split: task.load(then)[split]}
        _check_same(kept, split, task.fingerprints(then, drawn)[split])
    task.check_model(model, chosen[split], tuple(kept.results.get("class_names", ())))
    chosen = task.inputs(chosen, model, config, folder)
    return task.evaluate(model, chosen[split], config)


def _load(folder):
    try:
        return keras.saving.load_model(folder / "model.keras")
    except TypeError as error:  # Keras says in many lines which class it could not find
        raise ValueError(
            f"{folder / 'model.keras'} holds a class that is not known, expected its module to be "
            "imported before: name the task by --task, or call az.tasks.evaluate_finished from "
            "Python"
        ) from error


def _check_same(run, split, found):
    """Raises unless the data of a split are those that the run was on, where it noted them."""
    if run.data.get(split, found) != found:
        raise ValueError(
            f"{split} of run {run.path} is of other data than it was, expected the same, or other "
            "data by data_dir or test_split"
        )


def task_of(run):
    """(name, path of the class) of a run's task; None where they are not noted.

    Raises:
        ValueError: no folder of a run.
    """
    about = Run.read(run, {}).about
    return about.get("task"), about.get("class")


def _finished(folder):
    """The `Run` in a folder; ValueError unless it is finished."""
    for name in ("results.json", "model.keras"):
        if not (folder / name).is_file():
            raise ValueError(f"run {folder} has no {name}, expected the folder of a finished run")
    return Run.read(folder)


def _settings(task, run):
    """The settings of a run that its task knows, without the objects that a user brought."""
    known = task.config.__dataclass_fields__
    return {k: v for k, v in run.config.items() if k in known and not isinstance(v, dict | list)}
