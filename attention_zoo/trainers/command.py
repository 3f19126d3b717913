"""Command: what trainers have in common on the command line."""

import contextlib
import dataclasses
import functools
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from absl import logging

from attention_zoo._program import SIGNALLED, Program, import_tensorflow
from attention_zoo._settings import setting
from attention_zoo.tasks.configs import CONFIGS
from attention_zoo.training.preemption import Preempted


@dataclasses.dataclass(frozen=True)
class Command:
    """A trainer as a program: its settings are flags, what is wrong is said in one line.

    Attributes:
        train_and_evaluate: function (workdir, **settings) -> results. It is called with
            TensorFlow imported; what needs that is best imported in it, so that --help is quick.
        settings: the dataclass of its settings.
        workdir: the folder of the run where the flag is unset.
        report: function of the results, -> text to print.
        description: what --help begins with.
        flag, help: of the flag that names the folder.
    """

    train_and_evaluate: Callable
    settings: type
    workdir: str
    report: Callable
    description: str = ""
    flag: str = "workdir"
    help: str = "Folder of the run."

    @property
    def program(self):
        """The `Program`: the settings' flags, and that of the folder in the group of the run."""
        place = (self.flag, str, setting(self.workdir, self.help, path=True))
        folder = dataclasses.make_dataclass("Folder", [place], namespace={"__doc__": "The run."})
        return Program(self.main, (self.settings, folder), self.description)

    def run(self):
        """The console script."""
        self.program.run()

    def main(self, **settings):
        """Trains by the settings, the folder among them, and prints the report."""
        workdir = settings.pop(self.flag)
        import_tensorflow()
        with ends_when_preempted():
            try:
                results = self.train_and_evaluate(workdir, **settings)
            except KeyboardInterrupt:
                logging.warning("SIGINT: stopped, %s has what was saved before", workdir)
                raise
        page = Path(workdir, "report.html")
        written = f"written to {page if page.is_file() else workdir}"
        print("\n\n".join([self.report(results), *_floors(workdir), written]))


def find_own_modules():
    """Has modules in the present folder be found, as under `python -m`, for a task of one's own."""
    if not {"", os.getcwd()} & set(sys.path):
        sys.path.insert(0, os.getcwd())


def command(task, workdir, description):
    """The `Command` of a task of the package: flags in front of `az.train`.

    Args:
        task: its name.
        workdir: the folder of the run where the flag is unset.
        description: what --help begins with.
    """
    return Command(functools.partial(_train, task), CONFIGS[task], workdir, tables, description)


def _train(task, workdir, **settings):
    from attention_zoo import tasks

    return tasks.train(task, workdir, **settings)


def _floors(workdir):
    """[the line of a run's floors on the test examples], or []."""
    from attention_zoo.report.measures import floors_line  # slow to import

    results = Path(workdir, "results.json")
    line = floors_line(json.loads(results.read_text("utf-8"))) if results.is_file() else ""
    return [f"floors on test: {line}"] if line else []


def tables(evaluations):
    """Evaluations by split as text."""
    return "\n\n".join(f"{split}: {one.table()}" for split, one in evaluations.items())


@contextlib.contextmanager
def ends_when_preempted():
    """Within, `Preempted` ends the program with its notice, and the exit code of a shell."""
    try:
        yield
    except Preempted as notice:
        logging.warning("%s", notice)
        sys.exit(SIGNALLED + notice.signal)
