"""Sweeps: one run for every combination of some settings, side by side, resumable."""

import dataclasses
import functools
import itertools
import json
import multiprocessing
from pathlib import Path

from attention_zoo import report
from attention_zoo._paths import expanded
from attention_zoo._settings import make
from attention_zoo.report.run import Run
from attention_zoo.training.processes import run_in_process, run_side_by_side, threads_each
from attention_zoo.training.run import run_task


@dataclasses.dataclass(frozen=True)
class Job:
    """One run of a sweep.

    Attributes:
        name: its folder below that of the sweep.
        settings: in which it differs from the other runs, by name.
    """

    name: str
    settings: dict


def jobs_of(grid):
    """A `Job` for every combination of the values in `grid`, {setting: list of values}.

    Seeds come last, in names and in order: means over them can be looked at early.
    """
    for name, values in grid.items():
        if not isinstance(values, list | tuple | range):
            raise ValueError(f"{name} of the grid is {values!r}, expected a list of values")
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
    """Runs what is not finished; a job that fails does not stop the others.

    A job is finished when its folder has a results.json, of the same settings; others go on from
    their checkpoints. What jobs print goes to logs/ below the folder. After a signal the jobs that
    run save themselves and no other is started. On many machines: one array job of the cluster's,
    each with `only`.

    Args:
        task: a `Task`, of a class that another process can import.
        folder: of the sweep; gets a folder each job, sweep.csv with a row a run, and summary.csv
            with means over seeds.
        grid: {setting: list of values}.
        workers: jobs at a time, each a process with an equal share of the cores.
        only: number of the one job to run, from 0; None runs all.
        tell: function that is given a line whenever a job has come to an end.
        **settings: of all runs.

    Returns:
        {job's name: why it failed, in a line, or "" if it is finished}.

    Raises:
        ValueError: bad settings. Preempted: after a signal, where jobs are left.
    """
    folder, jobs = expanded(Path(folder)), jobs_of(grid)
    if multiprocessing.parent_process() is not None:
        raise ValueError(
            "a sweep is started by a job of a sweep, expected it below "
            '`if __name__ == "__main__":` in the script'
        )
    for job in jobs:
        make(task.config, settings | job.settings)  # all are checked before any runs
    if only is not None and not 0 <= only < len(jobs):
        raise ValueError(f"only is {only}, expected 0 to {len(jobs) - 1}: there are {len(jobs)}")
    chosen = jobs if only is None else [jobs[only]]
    (folder / "logs").mkdir(parents=True, exist_ok=True)

    def one(job, stop):
        reason = _outcome(job, task, folder, settings, workers, stop)
        if reason is not None:
            tell(f"{job.name}: {reason or 'done'}")
        return reason

    reasons = run_side_by_side(one, chosen, workers, is_left=lambda reason: reason is None)
    report.write_sweep(folder, jobs)
    return dict(zip([job.name for job in chosen], reasons, strict=True))


def _outcome(job, task, folder, settings, workers, stop):
    """Why a job failed, in a line; "" where it is finished, None where it is left."""
    workdir = folder / job.name
    if (workdir / "results.json").exists():
        return _difference(task, workdir, settings | job.settings)
    if stop.requested:
        return None
    log = folder / "logs" / f"{job.name}.txt"
    train = functools.partial(run_task, task)
    asked = settings | job.settings
    reason = run_in_process(train, workdir, asked, log, threads_each(workers), stop)
    return None if reason and stop.requested else reason


def _difference(task, workdir, settings):
    """Why a finished run is not that of the settings, in a line; "" if it is."""
    try:
        kept = Run.read(workdir, {}).config
    except ValueError as error:
        return str(error)
    asked = json.loads(json.dumps(dataclasses.asdict(make(task.config, settings))))
    for name, value in asked.items():
        if name in kept and kept[name] != value and not (name == "switch_epoch" and value is None):
            return (
                f"{workdir} holds a run with {name} {kept[name]!r}, expected {value!r}: move it "
                "away or name another folder"
            )
    return ""
