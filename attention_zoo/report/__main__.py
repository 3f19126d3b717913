"""Makes pages of runs: one by itself, two or more side by side.

python -m attention_zoo.report runs/sdc
python -m attention_zoo.report runs/soft runs/hard runs/lvml --output=compare.html
"""

import dataclasses

from attention_zoo._program import Program
from attention_zoo._settings import setting
from attention_zoo.report import compare, write


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """The page."""

    output: str | None = setting(None, "Page of two runs or more; compare.html if unset.")


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


def main(arguments, output):
    """Writes the page and says where it is."""
    print(f"written to {make(arguments, output)}")


COMMAND = Program(main, (Settings,), __doc__, arguments="the folders of one run or more")
run = COMMAND.run

if __name__ == "__main__":
    run()
