"""Sweeps: jobs side by side, each in a process and a folder of its own, resumable.

`run_sweep` has one for every combination of some settings of a task; `run_jobs` takes any.
"""

import collections
import contextlib
import dataclasses
import functools
import itertools
import json
import multiprocessing
from collections.abc import Callable
from pathlib import Path

from attention_zoo import report
from attention_zoo._packages import package_of
from attention_zoo._paths import expanded
from attention_zoo.report.run import Run
from attention_zoo.report.same_data import fingerprints_follow
from attention_zoo.training.components import recorded
from attention_zoo.training.config import TaskConfig
from attention_zoo.training.processes import run_in_process, run_side_by_side, threads_each
from attention_zoo.training.run import run_task
from attention_zoo.training.task import config_of
from attention_zoo.training.workdir import is_same


@dataclasses.dataclass(frozen=True)
class Job:
    """One run of a sweep.

    Attributes:
        name: its folder below that of the sweep.
        settings: in which it differs from the other runs, by name.
    """

    name: str
    settings: dict


@dataclasses.dataclass(frozen=True)
class Trainer:
    """What fills the folder of a job, and how a finished folder is known to be the job's.

    Attributes:
        train: function (workdir, **settings of the job), one that another process can import. It
            goes on where it was broken off, and writes results.json last of all.
        record: function (**settings of the job) -> settings by name as config.json has them in
            the end, those that the run works out among them; where it has others, the folder is
            not the job's. Raises ValueError for bad ones.
    """

    train: Callable
    record: Callable


def trainer_of(task, **settings):
    """The `Trainer` of a `Task`, with settings that all jobs have in common."""

    def record(**own):
        config = config_of(task, settings | own)
        return recorded(config, task.attention(config))

    return Trainer(functools.partial(run_task, task, **settings), record)


def jobs_of(grid):
    """A `Job` for every combination of the values in `grid`, {setting: list of values}.

    Seeds come last, in names and in order: means over them can be looked at early.
    """
    for name, values in grid.items():
        if not isinstance(values, list | tuple | range):
            raise ValueError(f"{name} of the grid is {values!r}, expected a list of values")
        if not values:
            raise ValueError(f"{name} of the grid is {values!r}, expected one value or more")
        if any(value in values[:i] for i, value in enumerate(values)):
            raise ValueError(f"{name} of the grid is {values!r}, expected no value twice")
    grid = {name: grid[name] for name in sorted(grid, key=lambda name: name == "seed")}
    found = []
    for values in itertools.product(*grid.values()):
        settings = dict(zip(grid, values, strict=True))
        parts = [f"{name}={_word(value)}" for name, value in settings.items()]
        found.append(Job(",".join(parts) or "run", settings))
    return found


def _word(value):
    """A value as a part of a folder's name."""
    return "".join(c if c.isalnum() or c in "-+._[]%" else "_" for c in str(value))


def run_sweep(task, folder, grid, *, workers=1, only=None, tell=print, **settings):
    """Runs a task for every combination of some settings, as `run_jobs` does, and sums them up.

    On many machines: one array job of the cluster's, each with `only`.

    Args:
        task: a `Task`, of a class that another process can import.
        folder: of the sweep; gets a folder each job, sweep.csv with a row a run, and summary.csv
            with means over seeds.
        grid: {setting: list of values}.
        workers, tell: as of `run_jobs`.
        only: number of the one job to run, from 0; None runs all.
        **settings: of all runs. `attention` and `optimizer` are names, of registered layers too.

    Returns:
        {job's name: why it failed, in a line, or "" if it is finished}. A finished job fails where
        its run is of other settings, or on other data than one begun later; means leave it out.

    Raises:
        ValueError: bad settings. Preempted: after a signal, where jobs are left.
    """
    folder, jobs = expanded(Path(folder)), jobs_of(grid)
    _check_no_objects(settings, grid)
    trainer = trainer_of(task, **settings)
    _check(jobs, lambda job: trainer)
    if only is not None and not 0 <= only < len(jobs):
        raise ValueError(f"only is {only}, expected 0 to {len(jobs) - 1}: there are {len(jobs)}")
    chosen = jobs if only is None else [jobs[only]]
    reasons = run_jobs(chosen, folder, lambda job: trainer, workers=workers, tell=tell)
    refused = _write_pages(folder, jobs, functools.partial(_refused, task, trainer, folder))
    for name in refused:
        if not reasons.get(name):
            tell(f"{name}: {refused[name]}")
    return reasons | {name: refused[name] for name in reasons if name in refused}


def _write_pages(folder, jobs, refused_of):
    """The pages of a sweep; again, where other processes of it ended runs in the meantime.

    Args:
        folder, jobs: of the sweep.
        refused_of: function of jobs that are finished -> {name: why it does not count}.

    Returns:
        What that gave for all of them.
    """
    finished, refused = None, {}
    while finished != (now := [job for job in jobs if is_finished(folder / job.name)]):
        finished, refused = now, refused_of(now)
        report.write_sweep(folder, jobs, [job for job in now if job.name in refused])
    return refused


def _check_no_objects(settings, grid):
    """Raises ValueError for what `az.train` takes and another process could not be given."""
    for name in ("data", "callbacks"):
        if name in settings or name in grid:
            raise ValueError(
                f"{name} is given to a sweep, expected settings alone: every run is a process of "
                "its own, with what its task loads"
            )
    for name in ("attention", "optimizer"):
        for value in [settings.get(name, ""), *grid.get(name, ())]:
            if not isinstance(value, str):
                raise ValueError(
                    f"{name} of a sweep is a {type(value).__name__}, expected a name: every run is "
                    "a process of its own"
                )


def run_jobs(jobs, folder, trainer, *, workers=1, tell=print):
    """Runs what is not finished; a job that fails does not stop the others.

    A job is finished when its folder has a results.json, of the same settings; others go on from
    their checkpoints. What jobs print goes to logs/ below the folder. After a signal the jobs that
    run save themselves and no other is started.

    Args:
        jobs: objects with a name and settings, such as `Job`; of several tasks, if you like.
        folder: of all, a `pathlib.Path`.
        trainer: function of a job -> its `Trainer`.
        workers: jobs at a time, each a process with an equal share of the cores.
        tell: function that is given a line whenever a job has come to an end.

    Returns:
        {job's name: why it failed, in a line, or "" if it is finished}.

    Raises:
        ValueError: bad settings of any job. Preempted: after a signal, where jobs are left.
    """
    if multiprocessing.parent_process() is not None:
        raise ValueError(
            "a sweep is started by a job of a sweep, expected it below "
            '`if __name__ == "__main__":` in the script'
        )
    _check(jobs, trainer)
    (folder / "logs").mkdir(parents=True, exist_ok=True)

    def one(job, stop):
        reason = _outcome(job, trainer(job), folder, workers, stop)
        if reason is not None:
            tell(f"{job.name}: {reason or 'done'}")
        return reason

    reasons = run_side_by_side(one, jobs, workers, is_left=lambda reason: reason is None)
    return dict(zip([job.name for job in jobs], reasons, strict=True))


def _check(jobs, trainer):
    """Raises ValueError for bad settings of any job, before the first is run."""
    for job in jobs:
        trainer(job).record(**job.settings)


def _outcome(job, trainer, folder, workers, stop):
    """Why a job failed, in a line; "" where it is finished, None where it is left."""
    workdir = folder / job.name
    if is_finished(workdir):
        return refusal(job, trainer, workdir)
    if stop.requested:
        return None
    log = folder / "logs" / f"{job.name.replace('/', '_')}.txt"
    threads = threads_each(workers)
    reason = run_in_process(trainer.train, workdir, job.settings, log, threads, stop)
    return None if reason and stop.requested else reason


def is_finished(workdir):
    """Whether a job's folder is that of a run that came to its end."""
    return (workdir / "results.json").exists()


def refusal(job, trainer, workdir):
    """Why a finished run is not that of a job, in a line; "" if it is."""
    try:
        kept = Run.read(workdir).config
    except ValueError as error:
        return f"{error}: {_ELSE}"
    for name, value in json.loads(json.dumps(trainer.record(**job.settings))).items():
        if name in kept and not is_same(name, kept[name], value):
            return f"{workdir} holds a run with {name} {kept[name]!r}, expected {value!r}: {_ELSE}"
    return ""


def _refused(task, trainer, folder, jobs):
    """{name: why a finished job does not count}, of sound runs of other settings or other data."""
    found, runs = {}, {}
    for job in jobs:
        with contextlib.suppress(ValueError):  # a damaged run is to run again
            run = Run.read(folder / job.name)
            if reason := refusal(job, trainer, folder / job.name):
                found[job.name] = reason
            else:
                runs[job.name] = run
    return found | _of_other_data(task, runs)


def _of_other_data(task, runs):
    """{name: why not} of the runs on other data than a run begun later, by their fingerprints.

    Those are compared that should be equal: of runs with the same data settings and, where data are
    drawn, the same seed. Which settings a task's data follow is known if it has `data_settings`.
    """
    latest: dict[tuple, str] = {}
    found: dict[str, str] = {}
    for name in sorted(runs, key=lambda name: runs[name].about.get("began", ""))[::-1]:
        run, differ = runs[name], collections.defaultdict(list)
        for part, fingerprint in run.data.items():
            other = latest.setdefault((part, _makes(task, run, part)), name)
            if runs[other].data[part] != fingerprint:
                differ[other].append(part)
        for other, parts in differ.items():
            found[name] = (
                f"{run.path} holds a run on other data than {other}, which was begun after it "
                f"({', '.join(parts)} changed): {_ELSE}"
            )
    return found


def _makes(task, run, part):
    """The settings that a part of a run's data is made by, as JSON."""
    own = (part,) if part in task.file_settings else _data_settings(task) or tuple(run.config)
    follows = "" if part in task.file_settings else fingerprints_follow(run)
    return json.dumps([follows, *(run.config.get(name) for name in own)])


def _data_settings(task):
    """Those that a task's data may follow: of a task of one's own all that its config adds, too."""
    if package_of(type(task).__module__) == "attention_zoo" or not task.data_settings:
        return task.data_settings
    fields = (one.__dataclass_fields__.keys() for one in (task.config, TaskConfig))
    return (*task.data_settings, *sorted(set.difference(*map(set, fields))))


_ELSE = "move it away or name another folder"
