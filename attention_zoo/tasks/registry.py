"""Tasks by name, and `train`, which runs any of them."""

from attention_zoo.tasks.bags.task import BagsTask
from attention_zoo.tasks.captions import CaptionsTask
from attention_zoo.tasks.mosaics import MosaicsTask
from attention_zoo.tasks.text import TextTask
from attention_zoo.training.evaluate import evaluate_run, task_of
from attention_zoo.training.run import run_task
from attention_zoo.training.sweep import run_sweep
from attention_zoo.training.task import Task
from attention_zoo.training.task_path import import_task, imported_task, is_path, path_of

TASKS: dict[str, type[Task]] = {
    cls.name: cls for cls in (MosaicsTask, TextTask, CaptionsTask, BagsTask)
}


def get(task):
    """A `Task`: as it is, of its name, or of the path of its class, which is then imported.

    Raises:
        ValueError: neither a task nor the name or path of one, or a task that has no name.
    """
    if isinstance(task, Task) or is_path(task):
        return _named(task if isinstance(task, Task) else import_task(task))
    if not isinstance(task, str) or task not in TASKS:
        raise ValueError(
            f"task is {task!r}, expected one of {sorted(TASKS)}, package.module:Class or a Task"
        )
    return TASKS[task]()


def _named(task):
    if not isinstance(getattr(task, "name", None), str):
        raise ValueError(
            f"task is a {type(task).__name__} without a name, expected the class to have one, as "
            'in name = "coins"'
        )
    return task


def get_of_run(run):
    """The `Task` of a run's folder: one of the package, or one whose class is imported already.

    Nothing is imported that a folder names: it may come from anybody.

    Raises:
        ValueError: no folder of a run, or one of another task.
    """
    name, path = task_of(run)
    if name in TASKS and path in (None, path_of(TASKS[name])):
        return TASKS[name]()
    task = imported_task(path)
    if task is None:
        shown = path if is_path(path) else "package.module:Class"
        raise ValueError(
            f"run {run} is of a task of your own, {name!r}, and no folder is trusted to say what "
            f"is imported: expected --task={shown}, or task= in Python"
        )
    return task


def train(task, workdir, *, data=None, attention=None, optimizer=None, callbacks=(), **settings):
    """Trains, evaluates and exports one model; started again, goes on where it was broken off.

        az.train("mosaics", "runs/sdc", attention="lvml", epochs=10)
        az.train("mosaics", "runs/mine", data=az.datasets.sdc.from_arrays(images, labels, ...))

    Args:
        task: "mosaics", "text", "captions", "bags", a `Task` of your own, or the path of its class,
            "package.module:Class".
        workdir: the run's folder; see docs/runs.md; holds config.json, data.json, metrics.csv,
            checkpoints, pictures, model.keras, saved_model/, report.html and, last, results.json.
        data: data of your own in place of those that the settings name: one object, to train on,
            or a dict of "train" and maybe "validation" and "test"; what it may be says the task.
            Validation figures are those of "validation" alone, "test" is seen once, in the end.
        attention: in place of the setting, an attention layer, which the run makes anew from its
            config, its name, or the name of a registered one of your own.
        optimizer: in place of the setting, a new Keras optimizer with any schedule.
        callbacks: Keras callbacks, also those with a state: see `training.callback_state`.
        **settings: fields of the task's `config`.

    Returns:
        Evaluations by split, as the task's `evaluate` makes them.

    Raises:
        ValueError: bad settings, data or objects, or a workdir that cannot be used.
        FileNotFoundError: the data are not there. FloatingPointError: the loss is not finite.
        Preempted: after SIGTERM, SIGINT or SIGHUP. OSError: the disk is full.
    """
    return run_task(
        get(task),
        workdir,
        data=data,
        attention=attention,
        optimizer=optimizer,
        callbacks=callbacks,
        **settings,
    )


def sweep(task, folder, grid, *, workers=1, only=None, **settings):
    """Runs a task once for every combination of some settings; see `training.sweep.run_sweep`.

        az.sweep("mosaics", "runs/rates", {"learning_rate": [0.05, 0.02], "seed": [0, 1, 2]})

    In a script it stands below `if __name__ == "__main__":`, as every run is a process of its own
    that imports the script. So `attention` and `optimizer` are names here, of registered layers
    too, and there is no `data` and no `callbacks`: a task of your own loads what it is to have.
    """
    return run_sweep(get(task), folder, grid, workers=workers, only=only, **settings)


def evaluate_finished(run, *, task=None, split="test", data=None, **settings):
    """Evaluates the model of a finished run; see `training.evaluate.evaluate_run`.

    Args:
        run: its folder.
        task: of the run, as of `train`, where it is one of your own that is not imported yet.
        split, data, **settings: as there.
    """
    task = get_of_run(run) if task is None else get(task)
    return evaluate_run(task, run, split=split, data=data, **settings)
