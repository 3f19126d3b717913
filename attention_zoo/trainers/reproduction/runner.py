"""Runs the jobs of a suite, some at a time, and says what became of each."""

import dataclasses
import importlib
import json

from attention_zoo._settings import make
from attention_zoo.trainers.fixed_focus_settings import completed
from attention_zoo.trainers.reproduction.job import Job
from attention_zoo.trainers.reproduction.runs import Run
from attention_zoo.training.processes import run_in_process, run_side_by_side, threads_each


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes:
        job: the `Job`.
        state: "done", "failed", "not run" or, where it only has to be started, "to run".
        reason: why not, in a line; empty where it is done.
    """

    job: Job
    state: str
    reason: str = ""


def run_jobs(jobs, folder, places, workers, tell=print):
    """Runs what is not finished; one that fails does not stop the others.

    A job is finished when its folder has a results.json, of the same settings; others go on from
    their checkpoints. What a job prints goes to `logs/` below the folder. A signal to stop is
    passed on to the jobs that run, which save and stop; no other is started.

    Args:
        jobs: of one suite.
        folder: of the suite, a `pathlib.Path`.
        places: `Places` of the data.
        workers: processes at a time; each has an equal part of the cores.
        tell: function that is given a line whenever a job has come to an outcome.

    Returns:
        An `Outcome` each, in the order of the jobs.

    Raises:
        Preempted: after SIGTERM, SIGINT or SIGHUP, where jobs are left.
    """

    def one(job, stop):
        outcome = _outcome(job, folder, places, workers, stop)
        if outcome.state != "to run":
            tell(f"{job.name}: {outcome.state}{outcome.reason and f', {outcome.reason}'}")
        return outcome

    (folder / "logs").mkdir(parents=True, exist_ok=True)
    return run_side_by_side(one, jobs, workers, is_left=lambda one: one.state == "to run")


def settled(job, folder, places):
    """The `Outcome` of a job that is finished, or cannot be run; None of one that is to run."""
    workdir = folder / job.name
    if (workdir / "results.json").exists():
        reason = _fault(job, workdir)
        return Outcome(job, "failed", reason) if reason else Outcome(job, "done")
    missing = places.missing(job.needs)
    return Outcome(job, "not run", missing) if missing else None


def _outcome(job, folder, places, workers, stop):
    found = settled(job, folder, places)
    if found:
        return found
    if not stop.requested:
        log = folder / "logs" / f"{job.name.replace('/', '_')}.txt"
        threads = threads_each(workers)
        settings = job.settings | places.of(job.needs)
        train = _command(job).train_and_evaluate
        reason = run_in_process(train, folder / job.name, settings, log, threads, stop)
        if not reason:
            return Outcome(job, "done")
        if not stop.requested:
            return Outcome(job, "failed", reason)
    return Outcome(job, "to run", "stopped by a signal")


def _command(job):
    """The `Command` of a job's trainer."""
    return importlib.import_module(f"attention_zoo.trainers.{job.trainer}").COMMAND


_ELSE = "move it away or name another workdir"


def _fault(job, workdir):
    """Why a finished run cannot be taken for the job, in a line; empty if it can."""
    try:
        run = Run(job, workdir)
        different, lacking = _difference(run), run.lacking()
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        what = (str(error).splitlines() or [""])[0]
        return f"{workdir} is damaged ({type(error).__name__}: {what}), expected a run: {_ELSE}"
    if lacking:
        return f"{workdir} has no {lacking[0]}, expected a finished run: {_ELSE}"
    return different


def _difference(run):
    """Where a run's settings, defaults too, are not those of the job, in a line; or empty."""
    for name, value in _asked(run.job).items():
        found = run.config.get(name)
        if found != value:
            return f"{run.folder} holds a run with {name} {found!r}, expected {value!r}: {_ELSE}"
    return ""


def _asked(job):
    """All settings of a job as its run keeps them, but where data lies and what runs work out."""
    settings = make(_command(job).settings, job.settings)
    if job.trainer == "fixed_focus":
        settings = completed(settings)
    asked = json.loads(json.dumps(dataclasses.asdict(settings)))
    asked.pop("data_dir", None)
    if asked.get("switch_epoch", 0) is None:
        del asked["switch_epoch"]  # which the run works out
    return asked
