"""What is imported on first use: names of a package, and TensorFlow, which models do without."""

import contextlib
import importlib
import os
import sys
from pathlib import Path

_LIBRARIES = ("tensorflow", "tensorflow_datasets")


@contextlib.contextmanager
def needed_for(what):
    """Within, an import of TensorFlow that is not installed is an ImportError of one line.

    Args:
        what: what needs it, for the error: "az.train".
    """
    try:
        yield
    except ModuleNotFoundError as error:
        missing = (error.name or "").split(".")[0]
        if missing not in _LIBRARIES:
            raise
        raise ImportError(
            f"{what} needs {missing}, which is not installed, expected it beside Keras on any "
            "backend: pip install tensorflow tensorflow-datasets"
        ) from None


def on_first_use(package, sources):
    """`__getattr__` and `__dir__` of a package that imports these names when they are first used.

    Args:
        package: its `__name__`.
        sources: {name: the full name of the module that has it, or that it is}.
    """

    def get(name):
        if name not in sources:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        with needed_for(f"{package}.{name}"):
            source = importlib.import_module(sources[name])
        found = source if sources[name].split(".")[-1] == name else getattr(source, name)
        setattr(sys.modules[package], name, found)
        return found

    def names():
        module = sys.modules[package]
        return sorted({*vars(module), *module.__all__})

    return get, names


_STARTED_BY_COMMAND = "ATTENTION_ZOO_COMMAND"  # an environment variable


def in_command():
    """Whether this process is one of the package's commands, or was started by one."""
    if _is_command():
        os.environ[_STARTED_BY_COMMAND] = "1"
    return _STARTED_BY_COMMAND in os.environ


def _is_command():
    if sys.argv[:1] == ["-m"]:  # Python looks for the module, and imports the packages above it
        return any(one.split(".")[0] == "attention_zoo" for one in sys.orig_argv[1:])
    program = Path("".join(sys.argv[:1]))
    return program.name.startswith("attention-zoo-") and program.suffix in ("", ".exe")
