"""Evaluates the model of a finished run, on its own test examples or on others."""

import dataclasses
from pathlib import Path

import keras

from attention_zoo._paths import expanded
from attention_zoo.report.run import OWN_DATA, Run, decided_by_objects
from attention_zoo.training.checks import check_data_settings
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
    check_data_settings(task, data, settings)
    folder = expanded(Path(run))
    if split not in SPLITS:
        raise ValueError(f"split is {split!r}, expected one of {list(SPLITS)}")
    kept = _finished(folder)
    recorded = _settings(task, kept)
    if data is None:
        _check_not_own(task, kept, settings)
    config = config_of(task, recorded | settings)
    model = _load(folder)
    names_others = data is None and settings.keys() & set(task.data_settings)
    _check_is_named(split, settings, names_others or set())
    if names_others:
        splits = task.load_others(config, settings, lambda own: _are_own(task, kept, own, config))
    else:
        splits = task.load(config) if data is None else {split: task.accept(data, config)}
    if split not in splits:
        raise ValueError(f"split is {split!r}, expected one of {sorted(splits)}")
    chosen = {split: splits[split]}
    if data is None and not names_others:
        then = dataclasses.replace(config, seed=recorded.get("seed", config.seed))
        drawn = chosen if then == config else {split: task.load(then)[split]}
        _check_same(task, kept, split, task.fingerprints(then, drawn)[split])
    task.check_model(model, chosen[split], tuple(kept.results.get("class_names", ())))
    chosen = task.inputs(chosen, model, config, folder)
    return task.evaluate(model, chosen[split], config)


def _load(folder):
    try:
        return keras.saving.load_model(folder / "model.keras")
    except TypeError as error:  # Keras says in many lines which class it could not find
        raise ValueError(
            f"{folder / 'model.keras'} holds a class that Keras does not know, expected it with "
            "@keras.saving.register_keras_serializable(), and its module imported before: name the "
            "task by --task, or call az.tasks.evaluate_finished from Python"
        ) from error


def _check_not_own(task, run, settings):
    """Raises where a run was on data of a user's own and no setting says which others to take."""
    known = task.config.__dataclass_fields__
    others = {"dataset"} if "dataset" in known else set(task.data_settings)
    if run.config.get("dataset") == OWN_DATA and not settings.keys() & others:
        raise ValueError(f"run {run.path} was trained on data of your own, expected them as data")


def _check_is_named(split, settings, names):
    """Raises where settings name the examples of other splits alone, which are not looked at."""
    others = {f"{name}_split" for name in SPLITS if name != split}
    if names and names <= others:
        name = min(names)
        raise ValueError(
            f"{name} is {settings[name]!r} with split {split!r}, expected {split}_split, or split "
            f"{name.removesuffix('_split')!r}"
        )


def _are_own(task, kept, splits, config):
    """Whether splits are those that a run was on, wherever they lie now."""
    prints = task.fingerprints(config, splits)
    return all(kept.data.get(name) == found for name, found in prints.items() if name in splits)


def _check_same(task, run, split, found):
    """Raises unless the data of a split are those that the run was on, where it noted them."""
    if run.data.get(split, found) != found:
        names = [name for name in ("data_dir", "test_split") if name in task.data_settings]
        others = f"other data by {' or '.join(names)}" if names else "others as data"
        raise ValueError(
            f"{split} of run {run.path} is of other data than it was, expected the same, or "
            f"{others}"
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
    """The settings of a run that its task knows, without what a user brought: objects, data."""
    known = task.config.__dataclass_fields__.keys() - decided_by_objects(run.config)
    named = {k: v for k, v in run.config.items() if k in known and not isinstance(v, dict | list)}
    return {k: v for k, v in named.items() if (k, v) != ("dataset", OWN_DATA)}
