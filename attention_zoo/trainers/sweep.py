r"""Trains once for every combination of some settings, side by side, and sums the runs up.

    python -m attention_zoo.trainers.sweep --task=mosaics --folder=runs/rates --workers=2 \
        --attention=soft,lvml --learning_rate=0.05,0.02 --seed=0:3

A setting with commas, or a range of whole numbers as 0:3, is varied; any other is of all runs. The
folder gets a folder each run, sweep.csv (a row a run), summary.csv (means over seeds) and
sweep.html. Started again, the same command goes on with what is not finished. On a cluster each
task of an array job runs one of them: --only=$SLURM_ARRAY_TASK_ID; --dry_run lists them.
"""

import dataclasses
import sys

from absl import flags

from attention_zoo._settings import list_in_help, value_of
from attention_zoo.tasks import TASKS, get
from attention_zoo.trainers.command import start
from attention_zoo.training.sweep import jobs_of, run_sweep


def define():
    """Defines the flags: this program's own, and each setting of any task as text."""
    flags.DEFINE_enum("task", "mosaics", sorted(TASKS), "What to train.")
    flags.DEFINE_string("folder", "runs/sweep", "Folder of the sweep.")
    flags.DEFINE_integer("workers", 1, "Runs at a time, each with an equal share of the cores.")
    flags.DEFINE_integer("only", None, "Number of the one run to do, from 0.")
    flags.DEFINE_boolean("dry_run", False, "List the runs, and do none.")
    for name in ("task", "folder", "workers", "only", "dry_run"):
        list_in_help(name)
    for name, text in _settings().items():
        flags.DEFINE_string(name, None, text)
        list_in_help(name)


def _settings():
    """The help text of every setting of a task."""
    return {
        field.name: field.metadata["help"]
        for task in TASKS.values()
        for field in dataclasses.fields(task.config)
    }


def grid_of(config, given):
    """({setting: values} of what is varied, {setting: value} of the rest) from texts.

    Args:
        config: the task's class of settings.
        given: {setting: text}.
    """
    grid, fixed = {}, {}
    for name, text in given.items():
        values = [value_of(config, name, one) for one in _parts(text)]
        if len(values) > 1:
            grid[name] = values
        else:
            fixed[name] = values[0]
    return grid, fixed


def _parts(text):
    """The values of a list or a range of whole numbers, as texts."""
    first, colon, end = text.partition(":")
    if colon and first.isdigit() and end.isdigit():
        return [str(number) for number in range(int(first), int(end))]
    return text.split(",")


def main(chosen):
    """Runs the sweep of the flags."""
    task = get(chosen.task)
    given = {name: chosen[name].value for name in _settings() if chosen[name].value is not None}
    grid, fixed = grid_of(task.config, given)
    jobs = jobs_of(grid)
    if chosen.dry_run:
        print("\n".join(f"{number} {job.name}" for number, job in enumerate(jobs)))
        return
    outcomes = run_sweep(
        task, chosen.folder, grid, workers=chosen.workers, only=chosen.only, **fixed
    )
    failed = sum(map(bool, outcomes.values()))
    print(f"{len(outcomes) - failed} of {len(jobs)} runs done, {failed} failed")
    print(f"written to {chosen.folder}/sweep.html")
    if failed:
        sys.exit(1)


def run():
    """The console script."""
    start(define, main)


if __name__ == "__main__":
    run()
