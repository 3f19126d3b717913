"""Paths as users write them."""

import os
from pathlib import Path


def expanded(path):
    """The path with the home folder in place of a leading `~` or `~user`.

    Args:
        path: a string or a `pathlib.Path`; what is neither, such as None, comes back as it is.

    Raises:
        ValueError: the home folder is not known.
    """
    if not isinstance(path, str | os.PathLike):
        return path
    found = os.path.expanduser(os.fspath(path))
    if found.startswith("~"):
        raise ValueError(f"path is {os.fspath(path)!r}, expected a home folder that is known")
    return found if isinstance(path, str) else Path(found)
