"""Makes pages of runs: one by itself, two or more side by side.

python -m attention_zoo.report runs/sdc
python -m attention_zoo.report runs/soft runs/hard runs/lvml --output=compare.html
"""

import sys

from absl import app, flags

from attention_zoo._settings import list_in_help, parse_flags
from attention_zoo.report import compare, write


def make(runs, output):
    """Writes the page of some runs' folders; returns its path."""
    check(runs, output)
    return compare(*runs, output=output or "compare.html") if len(runs) > 1 else write(runs[0])


def check(runs, output):
    """Raises ValueError where there is no run, or an output where there is one."""
    if not runs:
        raise ValueError("no run is named, expected the folder of one, or of more to compare")
    if len(runs) == 1 and output is not None:
        raise ValueError(f"output is {output!r} with one run, expected two runs or more")


def main(argv):
    """Writes the page and says where it is."""
    try:
        print(f"written to {make(argv[1:], flags.FLAGS.output)}")
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")


def define():
    """Defines the flags."""
    flags.DEFINE_string("output", None, "Page of two runs or more; compare.html if unset.")
    list_in_help("output")


def run():
    """The program."""
    define()
    app.run(main, flags_parser=parse_flags)


if __name__ == "__main__":
    run()
