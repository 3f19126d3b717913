"""Program: settings as flags in groups, --help at once, what is wrong in one line."""

import contextlib
import dataclasses
import faulthandler
import importlib
import os
import re
import signal
import sys
import tempfile
import warnings
from collections.abc import Callable

from absl import app, flags, logging

from attention_zoo._errors import is_tensorflow_error, one_line
from attention_zoo._settings import define_flags, from_flags, groups, make

SIGNALLED = 128  # and the signal's number: what a shell reports of a process that it ended
_HELP = {"--help", "-help", "--helpshort", "-helpshort", "--helpfull", "-helpfull", "-h", "-?"}


@dataclasses.dataclass(frozen=True)
class Program:
    """A command of the package.

    Attributes:
        main: function of the settings by keyword, and of `arguments`, a list, where it takes any.
        settings: the dataclasses of its settings, each a flag; no name may be there twice.
        description: what --help begins with.
        arguments: what it takes besides flags, in words; nothing if empty.
    """

    main: Callable
    settings: tuple[type, ...]
    description: str
    arguments: str = ""

    def run(self):
        """The console script."""
        if _HELP & set(sys.argv[1:]):
            print(self.usage())
            return
        logging.set_verbosity(logging.WARNING)
        warnings.showwarning = show_warning
        self.define(flags.FLAGS)
        app.run(self._run, flags_parser=parse_flags)

    def usage(self):
        """What --help prints: the program's description, and its flags in groups."""
        values = self.define(flags.FlagValues())
        titles = dict.fromkeys(title for cls in self.settings for title in groups(cls))
        takes = [f"\nArguments: {self.arguments}."] if self.arguments else []
        parts = [self.description.strip(), *takes, *map(values.module_help, titles)]
        return "\n".join(parts)

    def define(self, values):
        """Defines the flags in an `absl.flags.FlagValues`, and returns it."""
        for cls in self.settings:
            define_flags(cls, values)
        return values

    def checked(self, values, arguments):
        """The keyword arguments of `main`.

        Args:
            values: parsed flags.
            arguments: what was given besides.

        Raises:
            ValueError: a setting that is not allowed; arguments, where none are taken.
        """
        if arguments and not self.arguments:
            raise ValueError(f"unknown arguments {arguments}, expected flags only")
        chosen = {"arguments": arguments} if self.arguments else {}
        for cls in self.settings:
            given = make(cls, from_flags(cls, values))
            chosen |= vars(given)
        return chosen

    def _run(self, argv):
        with ends_in_one_line():
            self.main(**self.checked(flags.FLAGS, argv[1:]))


def parse_flags(argv):
    """As `absl.app` parses flags, with an error of one line; for `app.run(flags_parser=...)`."""
    try:
        return flags.FLAGS(argv)
    except flags.Error as error:
        reason = " ".join(str(error).split())
        sys.exit(f"error: {reason}, expected flags as --help lists them")


_EXPECTED = (ValueError, OSError, FloatingPointError, ImportError, MemoryError)


@contextlib.contextmanager
def ends_in_one_line():
    """Within, what can go wrong ends the program with a line, and the exit code of a shell."""
    try:
        yield
    except KeyboardInterrupt:
        sys.exit(SIGNALLED + signal.SIGINT)
    except Exception as error:
        if isinstance(error, _EXPECTED) or is_tensorflow_error(error):
            sys.exit(f"error: {one_line(error)}")
        raise


def show_warning(message, *where, **more):
    """A warning in one line, above the progress bar if there is one; as `warnings.showwarning`."""
    from tqdm import tqdm

    tqdm.write(f"warning: {' '.join(str(message).split())}", file=sys.stderr)


# Of C++ before TensorFlow reads its log level: chatter, whatever the level.
_CHATTER = re.compile(rb"[IWE]\d{4} |WARNING: All log messages before |To enable the following ins")


def import_tensorflow():
    """Imports TensorFlow without what it logs on the way, unless TF_CPP_MIN_LOG_LEVEL is 0.

    Where that is unset, its C++ logs only what ends the process: errors come as exceptions.
    """
    asked = os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "tensorflow" in sys.modules:
        return
    with contextlib.ExitStack() as stack:
        if asked != "0" and sys.stderr is not None:
            with contextlib.suppress(OSError):  # without a place for temporary files
                stack.enter_context(_without_chatter())
        importlib.import_module("tensorflow")


@contextlib.contextmanager
def _without_chatter():
    """Within, standard error is held back; then it is written, lines of chatter left out."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        faulthandler.enable(kept)  # of a crash, it tells where
        try:
            yield
        finally:
            os.dup2(kept, 2)
            faulthandler.enable(2)
            os.close(kept)
            said.seek(0)
            os.write(2, b"".join(line for line in said if not _CHATTER.match(line)))
