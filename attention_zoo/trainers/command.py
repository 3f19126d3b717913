"""Command: what trainers have in common on the command line."""

import dataclasses
import signal
import sys
from collections.abc import Callable

import tensorflow as tf
from absl import app, flags, logging

from attention_zoo._settings import define_flags, from_flags, list_in_help, parse_flags
from attention_zoo.trainers.failure import one_line
from attention_zoo.trainers.preemption import Preempted

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
        flag, help: of the flag that names the folder.
    """

    train_and_evaluate: Callable
    settings: type
    workdir: str
    report: Callable
    flag: str = "workdir"
    help: str = "Folder of the run."

    def run(self):
        """The console script."""
        logging.set_verbosity(logging.WARNING)
        self.define()
        app.run(self.main, flags_parser=parse_flags)

    def define(self):
        """Defines the flags."""
        flags.DEFINE_string(self.flag, self.workdir, self.help)
        list_in_help(self.flag)
        define_flags(self.settings)

    def main(self, argv):
        """Trains by the parsed flags and prints the report."""
        if len(argv) > 1:
            raise app.UsageError(f"unknown arguments {argv[1:]}, expected flags only")
        workdir = getattr(flags.FLAGS, self.flag)
        try:
            results = self.train_and_evaluate(workdir, **from_flags(self.settings))
        except Preempted as notice:
            logging.warning("%s", notice)
            sys.exit(SIGNALLED + notice.signal)
        except KeyboardInterrupt:
            logging.warning("SIGINT: stopped, %s has what was saved before", workdir)
            sys.exit(SIGNALLED + signal.SIGINT)
        except _EXPECTED as error:
            sys.exit(f"error: {one_line(error)}")
        print(f"{self.report(results)}\n\nwritten to {workdir}")
