r"""Keeps the figures of finished runs of the paper's suite in the repository, and draws its page.

    python -m experiments.keep_runs --workdir=runs/paper
    python -m experiments.keep_runs

Of every finished job of the workdir it keeps settings, figures and curves (JSON and CSV, 100 kB a
run), no weights, and not where the data lay. They lie in experiments/paper_runs as in the workdir
of a suite: in a copy of that folder the suite skips them, and makes the others. From all that are
kept it draws results.md and figures/ there, by the rules of the suite. Without a workdir only the
page is drawn.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

from attention_zoo._paths import expanded
from attention_zoo.report.html import write_whole
from attention_zoo.training.sweep import is_finished
from experiments.reproduction import page, paper
from experiments.reproduction.data_requirements import Places
from experiments.reproduction.outcome import Outcome, outlook
from experiments.reproduction.runs import Run

KEPT = Path(__file__).parent / "paper_runs"
_ALSO = ("about.json", "data.json")  # when and with which versions it began; of which examples


def main():
    """Keeps what the flags say."""
    workdir = _parser().parse_args().workdir
    try:
        if workdir:
            keep_all(paper.JOBS, expanded(workdir), KEPT)
    except ValueError as error:
        sys.exit(str(error))
    draw(KEPT)


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--workdir", type=Path, help="of the suite `paper`; none: draw the page")
    return parser


def keep_all(jobs, workdir, kept, tell=print):
    """Keeps what is finished in the workdir of a suite; tells of each, and of what cannot be kept.

    Raises:
        ValueError: nothing is finished there, or it is the folder that is written to.
    """
    if workdir.resolve() == kept.resolve():
        raise ValueError(f"workdir is {workdir}, where runs are kept, expected that of a suite")
    finished = [job for job in jobs if is_finished(workdir / job.name)]
    if not finished:
        raise ValueError(f"workdir {workdir} has no finished run, expected that of a suite")
    for job in finished:
        found = outlook(job, workdir, Places())
        if found.state == "done":
            keep(job, workdir, kept)
        tell(f"{'kept' if found.state == 'done' else found.reason}: {job.name}")


def keep(job, workdir, kept):
    """Copies the files of a finished job that its figures and its page need.

    Args:
        job: the `Job`.
        workdir: of the suite, a `pathlib.Path`.
        kept: where to, another.
    """
    source, target = workdir / job.name, kept / job.name
    target.mkdir(parents=True, exist_ok=True)
    also = {name for name in _ALSO if (source / name).exists()}
    for name in {*Run(job, source).files_read, *also} - {"config.json"}:
        shutil.copyfile(source / name, target / name)
    config = json.loads((source / "config.json").read_text(), object_hook=_placeless)
    write_whole(target / "config.json", json.dumps(config, indent=2) + "\n")


def _placeless(settings):
    """Settings, or those of a callback, but where the data lay."""
    return settings | ({"data_dir": None} if "data_dir" in settings else {})


def draw(kept):
    """Writes results.md and figures/ from the runs kept in a folder; returns the findings."""
    outcomes = [
        outlook(job, kept, Places())
        if is_finished(kept / job.name)
        else Outcome(job, "not run", "no run is kept")
        for job in paper.JOBS
    ]
    return page.write("paper", kept, outcomes, ["results.md"])


if __name__ == "__main__":
    main()
