r"""Trains once for every combination of some settings, side by side, and sums the runs up.

    python -m attention_zoo.trainers.sweep --task=mosaics --folder=runs/rates --workers=2 \
        --attention=soft,lvml --learning_rate=0.05,0.02 --seed=0:3

A setting with commas, or a range of whole numbers as 0:3, is varied; any other is of all runs. The
folder gets a folder each run, sweep.csv (a row a run), summary.csv (means over seeds) and
sweep.html. Started again, the same command goes on with what is not finished. On a cluster each
task of an array job runs one of them: --only=$SLURM_ARRAY_TASK_ID; --dry_run lists them.

A task of your own is --task=package.module:Class, a module in the present folder included; its
settings are then the flags, and --help lists them.
"""

import dataclasses
import functools
import sys

from absl import flags

from attention_zoo._program import Program, ends_in_one_line, import_tensorflow
from attention_zoo._settings import group_of, groups, setting, value_of
from attention_zoo.tasks.configs import CONFIGS
from attention_zoo.trainers.command import ends_when_preempted, find_own_modules


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """The sweep."""

    task: str = setting(
        "mosaics",
        f"What to train: {', '.join(CONFIGS)}, or package.module:Class, a task of your own.",
    )
    folder: str = setting("runs/sweep", "Folder of the sweep.", path=True)
    workers: int = setting(1, "Runs at a time, each with an equal share of the cores.", least=1)
    only: int | None = setting(None, "Number of the one run to do, from 0.", least=0)
    dry_run: bool = setting(False, "List the runs, and do none.")


def _as_texts(configs):
    """Classes of the tasks' settings, by their groups, each setting a text of several values.

    Args:
        configs: classes of settings by task.
    """
    titles = dict.fromkeys(title for config in configs.values() for title in groups(config))
    places: dict[str, str] = {}
    texts: dict[str, dict[str, list[str]]] = {}  # setting -> help text -> tasks
    for task, config in configs.items():
        for field in dataclasses.fields(config):
            places.setdefault(field.name, group_of(config, field.name))
            texts.setdefault(field.name, {}).setdefault(_text(field), []).append(task)
    for title in titles:
        names = [name for name, place in places.items() if place == title]
        own = [(name, str | None, setting(None, _joined(texts[name], configs))) for name in names]
        yield dataclasses.make_dataclass("Texts", own, namespace={"__doc__": title})


def _text(field):
    choices = field.metadata["choices"]
    return field.metadata["help"] + (f" One of {', '.join(choices)}." if choices else "")


def _joined(texts, configs):
    """One help text: what is said of all tasks, or what of each."""
    if [*texts.values()] == [[*configs]]:
        return next(iter(texts))
    return " ".join(f"{', '.join(tasks)}: {text}" for text, tasks in texts.items())


def grid_of(config, given):
    """({setting: values} of what is varied, {setting: value} of the rest) from texts.

    Args:
        config: the task's class of settings.
        given: {setting: text}.
    """
    grid, fixed = {}, {}
    for name, text in given.items():
        values = [value_of(config, name, one) for one in _parts(text)]
        if not values:
            raise ValueError(f"{name} is {text!r}, expected one value or more")
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


def main(configs, task, folder, workers, only, dry_run, **texts):
    """Runs the sweep."""
    if task not in configs:
        raise ValueError(f"task is {task!r}, expected one of {[*configs]} or package.module:Class")
    given = {name: text for name, text in texts.items() if text is not None}
    grid, fixed = grid_of(configs[task], given)
    import_tensorflow()
    from attention_zoo import tasks
    from attention_zoo.training.sweep import jobs_of

    jobs = jobs_of(grid)
    if dry_run:
        print("\n".join(f"{number} {job.name}" for number, job in enumerate(jobs)))
        return
    with ends_when_preempted():
        outcomes = tasks.sweep(task, folder, grid, workers=workers, only=only, **fixed)
    failed = sum(map(bool, outcomes.values()))
    print(f"{len(outcomes) - failed} of {len(jobs)} runs done, {failed} failed")
    print(f"written to {folder}/sweep.html")
    if failed:
        sys.exit(1)


def program(arguments):
    """The `Program`; with --task=package.module:Class among the arguments, for its settings."""
    configs, own = CONFIGS, _own_task(arguments)
    if own is not None:
        import_tensorflow()
        find_own_modules()
        from attention_zoo import tasks

        configs = {own: tasks.get(own).config}
    return Program(functools.partial(main, configs), (Settings, *_as_texts(configs)), __doc__)


def _own_task(arguments):
    """The value of --task where it is the path of a class."""
    values = flags.FlagValues()
    flags.DEFINE_string("task", None, "", flag_values=values)
    try:
        values(["", *arguments], known_only=True)
    except flags.Error:  # said where all flags are read
        return None
    return values.task if values.task and ":" in values.task else None


COMMAND = program([])


def run():
    """The console script."""
    with ends_in_one_line():
        command = program(sys.argv[1:])
    command.run()


if __name__ == "__main__":
    run()
