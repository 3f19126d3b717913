"""The class of a task by its path, "package.module:Class": what commands and about.json name."""

import contextlib
import importlib
import re
import sys
from pathlib import Path
from typing import Any

from attention_zoo._errors import first_line
from attention_zoo.training.task import Task

_PATH = re.compile(r"\w+(\.\w+)*:\w+(\.\w+)*")


def is_path(text):
    """Whether a text has the form of a path."""
    return isinstance(text, str) and _PATH.fullmatch(text) is not None


def path_of(cls):
    """The path of a class, by which another process can import it."""
    return f"{_importable(cls.__module__)}:{cls.__qualname__}"


def _importable(module):
    """The name of a module; of the script that runs, what an import would call it."""
    if module not in ("__main__", "__mp_main__"):
        return module
    script = sys.modules["__main__"]
    spec = getattr(script, "__spec__", None)
    return spec.name if spec else Path(getattr(script, "__file__", None) or "__main__").stem


def import_task(path):
    """The `Task` of a path, whose module is imported: none that stands in a file of a run.

    Raises:
        ValueError: there is no such class, or it is none of a task.
    """
    module, _, name = path.partition(":")
    try:
        found: Any = importlib.import_module(module)
    except ImportError as error:
        raise ValueError(
            f"task is {path!r}, whose module cannot be imported ({first_line(error)}), expected "
            "package.module:Class of a module that is installed or, for a command, in the present "
            "folder"
        ) from error
    for part in name.split("."):
        found = getattr(found, part, None)
    if not (isinstance(found, type) and issubclass(found, Task)):
        raise ValueError(f"task is {path!r}, expected the path of a class that inherits from Task")
    try:
        return found()
    except TypeError as error:
        raise ValueError(
            f"task is {path!r}, which cannot be made ({first_line(error)}), expected a class that "
            "has the methods of a Task and takes no arguments"
        ) from error


def imported_task(path):
    """The `Task` of a path if this process has imported it already, else None; imports nothing."""
    module, _, name = str(path).partition(":")
    for place in (module, "__main__"):
        found = getattr(sys.modules.get(place), "__dict__", {}).get(name)
        if isinstance(found, type) and issubclass(found, Task) and path_of(found) == path:
            with contextlib.suppress(TypeError):  # it takes arguments that nobody knows
                return found()
    return None
