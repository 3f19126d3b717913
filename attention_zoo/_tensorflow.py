"""TensorFlow, which models do without: imported on first use, and missed in one line."""

import contextlib
import importlib

import keras

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


def require_backend(what):
    """Raises RuntimeError of one line where Keras does not run on TensorFlow."""
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise RuntimeError(
            f"{what} runs on TensorFlow alone, and Keras runs on {backend}, expected "
            "KERAS_BACKEND=tensorflow in the environment: .keras files of any backend load there"
        )


def on_first_use(package, rooms):
    """The `__getattr__` of a package whose names are imported when they are first asked for.

    Args:
        package: its name.
        rooms: of every such name the module in the package that has it, or that it is the name of.
    """

    def find(name):
        if name not in rooms:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        with needed_for(f"{package}.{name}"):
            module = importlib.import_module(f"{package}.{rooms[name]}")
        return module if rooms[name].split(".")[-1] == name else getattr(module, name)

    return find
