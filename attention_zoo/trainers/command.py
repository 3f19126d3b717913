"""Command: what trainers have in common on the command line."""

import dataclasses
import sys
from collections.abc import Callable

import tensorflow as tf
from absl import app, flags, logging

from attention_zoo._settings import define_flags, from_flags, list_in_help, parse_flags
from attention_zoo.trainers.training import Preempted

TERMINATED = 143  # what a shell reports of a process that SIGTERM ended


@dataclasses.dataclass(frozen=True)
class Command:
    """A trainer as a program: its settings are flags, what is wrong is said in one line.

    Attributes:
        train_and_evaluate: function (workdir, **settings) -> results.
        settings: the dataclass of its settings.
        workdir: the folder of the run where the flag is unset.
        report: function of the results, -> text to print.
    """

    train_and_evaluate: Callable
    settings: type
    workdir: str
    report: Callable

    def run(self):
        """The console script."""
        logging.set_verbosity(logging.WARNING)
        self.define()
        app.run(self.main, flags_parser=parse_flags)

    def define(self):
        """Defines the flags."""
        flags.DEFINE_string("workdir", self.workdir, "Folder of the run.")
        list_in_help("workdir")
        define_flags(self.settings)

    def main(self, argv):
        """Trains by the parsed flags and prints the report."""
        if len(argv) > 1:
            raise app.UsageError(f"unknown arguments {argv[1:]}, expected flags only")
        workdir = flags.FLAGS.workdir
        try:
            results = self.train_and_evaluate(workdir, **from_flags(self.settings))
        except Preempted as notice:
            logging.warning("%s", notice)
            sys.exit(TERMINATED)
        except (ValueError, OSError, FloatingPointError, tf.errors.OpError) as error:
            sys.exit(f"error: {str(error).splitlines()[0]}")
        print(f"{self.report(results)}\n\nwritten to {workdir}")
