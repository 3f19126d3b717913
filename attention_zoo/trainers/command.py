"""Command: what trainers have in common on the command line."""

import contextlib
import dataclasses
import functools
import signal
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import tensorflow as tf
from absl import app, flags, logging
from tqdm.auto import tqdm

from attention_zoo._paths import expanded
from attention_zoo._settings import (
    define_flags,
    from_flags,
    help_text,
    list_in_help,
    parse_flags,
)
from attention_zoo.tasks import train
from attention_zoo.training.failure import one_line
from attention_zoo.training.preemption import Preempted

SIGNALLED = 128  # and the signal's number: what a shell reports of a process that it ended
TERMINATED = SIGNALLED + signal.SIGTERM


_EXPECTED = (ValueError, OSError, FloatingPointError, MemoryError, tf.errors.OpError)


@dataclasses.dataclass(frozen=True)
class Command:
    """A trainer as a program: its settings are flags, what is wrong is said in one line.

    Attributes:
        train_and_evaluate: function (workdir, **settings) -> results.
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

    def run(self):
        """The console script."""
        if {"--help", "-h", "--helpshort"} & set(sys.argv[1:]):
            print(self.usage())
            return
        _run_program(self.define, self.main)

    def usage(self):
        """What --help prints: the program's description, and its flags in groups."""
        own = f"  --{self.flag}\n      {self.help} Default: {self.workdir}."
        return f"{self.description}\n{own}\n{help_text(self.settings)}"

    def define(self):
        """Defines the flags."""
        flags.DEFINE_string(self.flag, self.workdir, self.help)
        list_in_help(self.flag)
        define_flags(self.settings)

    def main(self, argv):
        """Trains by the parsed flags and prints the report."""
        _expect_flags_only(argv)
        with _ends_in_one_line():
            workdir = expanded(getattr(flags.FLAGS, self.flag))
            try:
                results = self.train_and_evaluate(workdir, **from_flags(self.settings))
            except KeyboardInterrupt:
                logging.warning("SIGINT: stopped, %s has what was saved before", workdir)
                raise
        page = Path(workdir, "report.html")
        print(f"{self.report(results)}\n\nwritten to {page if page.is_file() else workdir}")


def command(task, workdir, description):
    """The `Command` of a task: flags in front of `az.train`.

    Args:
        task: a `Task` class.
        workdir: the folder of the run where the flag is unset.
        description: what --help begins with.
    """
    return Command(functools.partial(train, task()), task.config, workdir, tables, description)


def tables(evaluations):
    """Evaluations by split as text."""
    return "\n\n".join(f"{split}: {one.table()}" for split, one in evaluations.items())


def start(define, main):
    """Runs a program that is no trainer: what is wrong is said in one line.

    Args:
        define: function that defines its flags.
        main: function of the flags.
    """

    def run(argv):
        _expect_flags_only(argv)
        with _ends_in_one_line():
            main(flags.FLAGS)

    _run_program(define, run)


def _run_program(define, main):
    """Runs `main` on the arguments that are no flags, warnings a line each."""
    logging.set_verbosity(logging.WARNING)
    warnings.showwarning = show_warning
    define()
    app.run(main, flags_parser=parse_flags)


def _expect_flags_only(argv):
    if len(argv) > 1:
        raise app.UsageError(f"unknown arguments {argv[1:]}, expected flags only")


@contextlib.contextmanager
def _ends_in_one_line():
    """Within, what can go wrong ends the program with a line, and the exit code of a shell."""
    try:
        yield
    except Preempted as notice:
        logging.warning("%s", notice)
        sys.exit(SIGNALLED + notice.signal)
    except KeyboardInterrupt:
        sys.exit(SIGNALLED + signal.SIGINT)
    except _EXPECTED as error:
        sys.exit(f"error: {one_line(error)}")


def show_warning(message, *where, **more):
    """A warning in one line, above the progress bar if there is one; as `warnings.showwarning`."""
    tqdm.write(f"warning: {' '.join(str(message).split())}", file=sys.stderr)
