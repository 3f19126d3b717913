r"""Keeps the figures of finished runs in the repository, and draws the page of the paper's suite.

    python -m experiments.keep_runs --workdir=runs/paper
    python -m experiments.keep_runs
    python -m experiments.keep_runs --runs=runs/lock_in --into=experiments/tenth_runs

Of every finished job of the workdir it keeps settings, figures and curves (JSON and CSV, 100 kB a
run), no weights, and not where the data lay. They lie in experiments/paper_runs as in the workdir
of a suite: in a copy of that folder the suite skips them, and makes the others. From all that are
kept it draws results.md and figures/ there, by the rules of the suite. Without a workdir only the
page is drawn.

Runs of no suite, the folders in --runs, are kept the same way in another folder, and no page of
them is drawn: the scripts that print their tables read what is kept as they read the runs.
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
_FIGURES = ("results.json", "metrics.csv")


def main():
    """Keeps what the flags say."""
    parser = _parser()
    args = parser.parse_args()
    if (args.runs is None) != (args.into is None) or (args.runs and args.workdir):
        parser.error("expected --workdir, or --runs with --into, or none of them")
    try:
        if args.runs:
            keep_runs(expanded(args.runs), expanded(args.into))
            return
        if args.workdir:
            keep_all(paper.JOBS, expanded(args.workdir), KEPT)
    except ValueError as error:
        sys.exit(str(error))
    draw(KEPT)


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--workdir", type=Path, help="of the suite `paper`; none: draw the page")
    parser.add_argument("--runs", type=Path, help="folder of finished runs of no suite")
    parser.add_argument("--into", type=Path, help="where those are kept")
    return parser


def keep_all(jobs, workdir, kept, tell=print):
    """Keeps what is finished in the workdir of a suite; tells of each, and of what cannot be kept.

    Raises:
        ValueError: nothing is finished there, or it is the folder that is written to.
    """
    _check_apart(workdir, kept)
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
    source = workdir / job.name
    _copy(source, kept / job.name, Run(job, source).files_read)


def keep_runs(runs, kept, tell=print):
    """Keeps the finished runs in a folder in another, by their names; tells of each.

    Raises:
        ValueError: none is finished there, or it is the folder that is written to.
    """
    _check_apart(runs, kept)
    finished = [path.parent for path in sorted(runs.glob("*/results.json"))]
    if not finished:
        raise ValueError(f"{runs} has no finished run, expected a folder of such")
    for source in finished:
        _copy(source, kept / source.name, _FIGURES)
        tell(f"kept: {source.name}")


def _check_apart(source, kept):
    if source.resolve() == kept.resolve():
        raise ValueError(f"{source} is where runs are kept, expected the folder of their making")


def _copy(source, target, names):
    """Settings without places, and of the other files those that are named and `_ALSO`."""
    target.mkdir(parents=True, exist_ok=True)
    also = {name for name in _ALSO if (source / name).exists()}
    for name in {*names, *also} - {"config.json"}:
        shutil.copyfile(source / name, target / name)
    config = json.loads((source / "config.json").read_text(), object_hook=_placeless)
    write_whole(target / "config.json", json.dumps(config, indent=2) + "\n")


def _placeless(settings):
    """Settings, or those of a callback, but where data and features lay; of an encoder its name."""
    encoder = {"encoder": Path(settings["encoder"]).name} if settings.get("encoder") else {}
    return settings | {n: None for n in ("data_dir", "features_dir") if n in settings} | encoder


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
