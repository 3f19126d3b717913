"""Outcome: what became of a job of a suite, each a job of a sweep."""

import dataclasses
import functools
from pathlib import Path

from attention_zoo._paths import expanded
from attention_zoo.tasks import CaptionsTask, MosaicsTask, TextTask
from attention_zoo.training import sweep
from attention_zoo.training.run import run_task
from attention_zoo.training.task import config_of
from experiments import fixed_focus, gradient_flow
from experiments.reproduction import training_images
from experiments.reproduction.job import Job
from experiments.reproduction.runs import Run
from experiments.stability_curves import StabilityCurves


def _with_curves(workdir, **settings):
    """A run on mosaics of images with `StabilityCurves`, measured on its training images too."""
    config = config_of(MosaicsTask(), settings)
    curves = StabilityCurves(
        data_dir=config.data_dir,
        num_segments=config.num_segments,
        dataset=config.dataset,
        split=config.train_split,
    )
    run_task(MosaicsTask(), workdir, callbacks=[curves], **settings)
    training_images.measure(expanded(Path(workdir)))


TRAINERS = {
    "sdc": sweep.trainer_of(MosaicsTask()),
    "sdc_curves": sweep.Trainer(_with_curves, sweep.trainer_of(MosaicsTask()).record),
    "hatexplain": sweep.trainer_of(TextTask()),
    "captions": sweep.trainer_of(CaptionsTask()),
    "gradient_flow": sweep.Trainer(gradient_flow.train_and_evaluate, gradient_flow.recorded),
    "fixed_focus": sweep.Trainer(fixed_focus.train_and_evaluate, fixed_focus.recorded),
}


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


def outlook(job, folder, places):
    """The `Outcome` of a job as its folder and the data on disk have it; nothing is run."""
    workdir = folder / job.name
    if sweep.is_finished(workdir):
        if reason := sweep.refusal(job, _trainer(job, places), workdir):
            return Outcome(job, "failed", reason)
        if _is_to_be_measured(job, workdir):
            return Outcome(job, "to run", f"{workdir} has no {training_images.NAME} yet")
        reason = _lack(Run(job, workdir))
        return Outcome(job, "failed" if reason else "done", reason)
    missing = places.missing(job.needs)
    return Outcome(job, "not run", missing) if missing else Outcome(job, "to run")


def run_suite(jobs, folder, places, workers, tell=print):
    """Runs what is to be run of some jobs, as `training.sweep.run_jobs` does.

    Args:
        jobs: of one suite.
        folder: of the suite, a `pathlib.Path`.
        places: `Places` of the data.
        workers, tell: as of `run_jobs`.

    Returns:
        {job's name: `Outcome`}.

    Raises:
        Preempted: after SIGTERM, SIGINT or SIGHUP, where jobs are left.
    """
    found = {job.name: outlook(job, folder, places) for job in jobs}
    left = [job for job in jobs if found[job.name].state == "to run"]
    trainer = functools.partial(_trainer, places=places)
    reasons = sweep.run_jobs(left, folder, trainer, workers=workers, tell=tell)
    for job in left:
        if not reasons[job.name] and _is_to_be_measured(job, folder / job.name):
            reasons[job.name] = _measure(folder / job.name, places.of(job.needs))
    for job in left:
        reason = reasons[job.name]
        found[job.name] = Outcome(job, "failed", reason) if reason else outlook(job, folder, places)
    return found


def _trainer(job, places):
    """The `Trainer` of a job, told where its data lie."""
    named = TRAINERS[job.trainer]
    train = functools.partial(named.train, **places.of(job.needs))
    return sweep.Trainer(train, functools.partial(_but_places, named.record))


def _but_places(record, **settings):
    """Settings as a run keeps them, but where its data lie: a run stays the job's if they move."""
    return {name: value for name, value in record(**settings).items() if name != "data_dir"}


def _is_to_be_measured(job, workdir):
    """Whether a finished run was ended just before its figures on training images were there."""
    return job.trainer == "sdc_curves" and not (workdir / training_images.NAME).exists()


def _measure(workdir, place):
    """Measures what is left of a finished run; why that failed, in a line, or ""."""
    try:
        training_images.measure(workdir, **place)
    except (OSError, ValueError, LookupError, TypeError) as error:
        return f"{workdir} cannot be measured on its training images: {error}"
    return ""


def _lack(run):
    """What the results page misses of a finished run, in a line; empty if nothing."""
    try:
        lacking = run.lacking()
    except (OSError, ValueError, LookupError, TypeError) as error:
        return f"{run.folder} is damaged ({error}), expected a run: move it away"
    if not lacking:
        return ""
    return f"{run.folder} has no {lacking[0]}, expected a finished run: move it away"
