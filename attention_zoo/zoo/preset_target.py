"""Where a preset or a SavedModel goes: a folder that is new or empty."""

import contextlib
import os
import tempfile
from pathlib import Path

from attention_zoo._paths import expanded
from attention_zoo._sums import SUMS


def check_new(directory):
    """Raises a ValueError where there is a file, or a folder that has files."""
    target = expanded(Path(directory))
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ValueError(f"{target} is there already, expected a new or empty folder")


@contextlib.contextmanager
def filling(directory):
    """Gives a folder to write to, whose files are moved to `directory` if all goes well.

    A new directory is whole or not there. An empty one is kept, as others may stand in it, and
    gets its SHA256SUMS last: until then it counts as no preset.

    Raises:
        ValueError: as of `check_new`.
    """
    target = expanded(Path(directory)).resolve()
    check_new(target)
    parent = target if target.exists() else target.parent
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=parent, prefix=".writing-") as temporary:
        folder = Path(temporary) / "preset"
        folder.mkdir()
        yield folder
        _move(folder, target)


def _move(folder, target):
    if not target.exists():
        os.replace(folder, target)
        return
    for path in sorted(folder.iterdir(), key=lambda path: path.name == SUMS):
        os.replace(path, target / path.name)
