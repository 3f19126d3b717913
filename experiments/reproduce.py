r"""Runs all that the paper reports, and says which of its findings are seen.

    python -m experiments.reproduce --suite=quick --workdir=runs/reproduce
    python -m experiments.reproduce --suite=paper --dry_run

A suite is a list of jobs, each a trainer's run in a folder of its own below the workdir. Finished
ones are skipped, others go on from their checkpoints, one that fails does not stop the rest. In the
end results.html and results.md have tables and figures in the paper's order, and for each of the
paper's findings "seen", "not seen", "undecided" or "not run", by rules on the figures.

After SIGTERM, SIGHUP or Ctrl-C the jobs that run save themselves, none is started, and the same
command goes on.

Quick on 2 cores of an AMD EPYC, no GPU: 6 min 5 s for its 62 jobs. What is seen stands in
docs/reproducing.md.
"""

import collections
import contextlib
import dataclasses
import fnmatch
import sys
from pathlib import Path

from attention_zoo._paths import expanded
from attention_zoo._settings import make, setting
from attention_zoo.trainers.command import Command
from attention_zoo.training.folder_lock import hold
from experiments.reproduction import page, paper, quick
from experiments.reproduction.data_requirements import Places
from experiments.reproduction.outcome import Outcome, outlook, run_suite
from experiments.reproduction.verdict import WORDS

SUITES = {"quick": quick.JOBS, "paper": paper.JOBS}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of a suite; each is a flag of the same name."""

    suite: str = setting(
        "quick",
        "Digits, orthogonal vectors and theory; or all of the paper, where its data are on disk.",
        choices=tuple(SUITES),
    )
    jobs: str = setting("*", "Run only jobs whose names match, such as 'digits/m5/*'.")
    dry_run: bool = setting(False, "List the jobs and what each lacks, and run none.")
    workers: int = setting(2, "Jobs at a time, each a process; they share a GPU.", least=1)
    data_dir: str | None = setting(
        None, "Folder of tensorflow_datasets; its own default if unset.", path=True
    )
    hatexplain_dir: str | None = setting(None, "Folder of HateXplain's official files.", path=True)
    coco_dir: str | None = setting(None, "Folder in the layout of COCO 2014.", path=True)


def train_and_evaluate(workdir, **settings):
    """Runs what is not finished of a suite, and writes its page.

    Args:
        workdir: folder of the suite; holds a folder each job, logs/, figures/, results.md and,
            last of all, results.html. A dry run writes nothing.
        **settings: fields of `Settings`.

    Returns:
        `Outcome`s of all jobs of the suite, and `Decided`s, one a finding; none from a dry run.

    Raises:
        ValueError: bad settings, no job that matches, or a workdir that is in use. Preempted:
        after a signal.
    """
    chosen = make(Settings, settings)
    jobs = SUITES[chosen.suite]
    picked = [job for job in jobs if fnmatch.fnmatchcase(job.name, chosen.jobs)]
    if not picked:
        raise ValueError(
            f"jobs is {chosen.jobs!r}, expected a pattern of names such as {jobs[0].name!r}"
        )
    places = Places(chosen.data_dir, chosen.hatexplain_dir, chosen.coco_dir)
    folder = expanded(Path(workdir))
    if chosen.dry_run:
        return [outlook(job, folder, places) for job in picked], []
    with _alone(folder):
        ran = run_suite(picked, folder, places, chosen.workers)
        outcomes = [ran.get(job.name) or _left_out(job, folder, places) for job in jobs]
        return outcomes, page.write(chosen.suite, folder, outcomes)


@contextlib.contextmanager
def _alone(folder):
    """Keeps other processes out of the folder of a suite."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = hold(folder)
    except BlockingIOError as error:
        raise ValueError(
            f"workdir {folder} is in use by another process, expected one at a time"
        ) from error
    yield lock


def _left_out(job, folder, places):
    """The `Outcome` of a job that was not asked for: an earlier run's, if there is one."""
    found = outlook(job, folder, places)
    return Outcome(job, "not run", "left out by --jobs") if found.state == "to run" else found


def report(results):
    """What became of the jobs, then the findings; where a job failed the program ends with 1."""
    outcomes, decided = results
    lines = [f"{one.job.name}: {one.state}{one.reason and f', {one.reason}'}" for one in outcomes]
    counts = collections.Counter(one.state for one in outcomes)
    lines += ["", ", ".join(f"{count} {state}" for state, count in counts.items())]
    for one in decided:
        lines += ["", one.title, *(f"  {word}: {one.on(word)}" for word in WORDS)]
    if counts["failed"]:
        sys.exit("\n".join(lines))
    return "\n".join(lines)


COMMAND = Command(train_and_evaluate, Settings, "runs/reproduce", report, __doc__)
run = COMMAND.run  # the console script

if __name__ == "__main__":
    run()
