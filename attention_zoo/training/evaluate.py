"""Evaluates the model of a finished run, on its own test examples or on others."""

from pathlib import Path

import keras

from attention_zoo._paths import expanded
from attention_zoo._settings import make
from attention_zoo.report.run import Run


def evaluate_run(task, run, *, split="test", data=None, **settings):
    """Evaluates a run's model.

    Args:
        task: the run's `Task`.
        run: its folder.
        split: "train", "validation" or "test".
        data: data of your own in place of those that the settings name, as in `az.train`.
        **settings: in place of the run's: `data_dir="elsewhere"`, `num_segments=20`.

    Returns:
        An evaluation, as the task's `evaluate` makes it.

    Raises:
        ValueError: no finished run, bad settings, or data that its model was not trained for.
        FileNotFoundError: the data are not there.
    """
    folder = expanded(Path(run))
    config = make(task.config, _settings(task, folder) | settings)
    model = keras.saving.load_model(folder / "model.keras")
    splits = task.load(config) if data is None else {split: task.accept(data, config)}
    if split not in splits:
        raise ValueError(f"split is {split!r}, expected one of {sorted(splits)}")
    chosen = {split: splits[split]}
    task.check_model(model, chosen[split], _class_names(folder))
    chosen = task.inputs(chosen, model, config, folder)
    return task.evaluate(model, chosen[split], config)


def task_of(run):
    """The name of a run's task.

    Raises:
        ValueError: no folder of a finished run.
    """
    return Run.read(run, {}).about.get("task")


def _settings(task, folder):
    """The settings of a run that its task knows, without the objects that a user brought."""
    for name in ("results.json", "model.keras"):
        if not (folder / name).is_file():
            raise ValueError(f"run {folder} has no {name}, expected the folder of a finished run")
    known = task.config.__dataclass_fields__
    recorded = Run.read(folder, {}).config
    return {k: v for k, v in recorded.items() if k in known and not isinstance(v, dict | list)}


def _class_names(folder):
    return tuple(Run.read(folder).results.get("class_names", ()))
