"""What each file may import: from the floors below it, and libraries that setup.py requires.

Imports are read with `ast`, so a forbidden one is found wherever it stands, also inside a function.
"""

import ast
import functools
import re
import runpy
import sys
import types
from pathlib import Path

import pytest

PACKAGE = "attention_zoo"
ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / PACKAGE).rglob("*.py"))
EXPERIMENTS = sorted((ROOT / "experiments").rglob("*.py"))  # above all floors, outside the wheel

# A room is a module or subpackage of attention_zoo. It imports from the floors below it only.
FLOORS = [
    {"_compiler", "_random", "_saving", "_settings", "_tracing"},
    {"_assertions", "_program"},
    {"_labels"},
    {"ops"},
    {"layers"},
    {"losses", "metrics", "optimizers"},
    {"zoo"},
    {"models"},
    {"callbacks", "plots"},
    {"_explain"},
    {"evaluation", "_export"},
    {"report"},
    {"training", "serving"},
    {"tasks"},
    {"trainers"},
]
FLOOR = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
# At the side: they import no other room; these floors and all above may import them.
SIDE = {"dynamics": FLOOR["callbacks"], "datasets": FLOOR["report"]}
ANYWHERE = {
    "_attention_warnings",
    "_bags",
    "_checks",
    "_class_names",
    "_decode",
    "_errors",
    "_json",
    "_lazy",
    "_packages",
    "_paths",
    "_pieces",
    "_pixels",
    "_sums",
    "_tensorflow",
    "_text",
    "_tracing",
    "_version",
}
# Rooms whose name begins with _, and `optimizers`, use what only TensorFlow has behind a check of
# the backend, or where they are called.
MAY_USE_TENSORFLOW = {
    "datasets",
    "training",
    "trainers",
    "serving",
    "_explain",
    "_export",
    "_assertions",
    "_compiler",
    "_decode",
    "_pieces",
    "_random",
    "_text",
    "_tracing",
    "optimizers",
}

DISTRIBUTION = {"absl": "absl-py", "sklearn": "scikit-learn"}
OPTIONAL = {  # the extras whose libraries a module may import
    "_assertions": "torch",
    "_compiler": "jax",
    "_explain.gradients": "jax torch",
    "metrics.captions": "captions",
    "models.networks._keras_hub": "pretrained",
    "serving.connections": "serve",
    "serving.metrics": "serve",
    "serving.server": "serve",
    "zoo.hub": "hub",
}


def room_of(module: str) -> str:
    """`layers` for `attention_zoo.layers.soft`; empty for the contents page `attention_zoo`."""
    return (module.split(".") + [""])[1]


def imported(source: str, module: str, is_package: bool = False) -> set[str]:
    """The absolute names that a module imports; `from a import b` counts as `a.b`."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parents = module.split(".")
            up = node.level - is_package
            start = parents[: len(parents) - up] if node.level else []
            base = ".".join(start + ([node.module] if node.module else []))
            names |= {f"{base}.{alias.name}" for alias in node.names}
    return names


def outside(names: set[str]) -> set[str]:
    """The top-level packages among `names`, without the standard library's and our own."""
    return {name.split(".")[0] for name in names} - sys.stdlib_module_names - {PACKAGE}


def wrong_import(here: str, there: str) -> str | None:
    """Why the room `here` may not import the room `there`; None where it may."""
    if here == there or there in ANYWHERE:
        return None
    if there == "trainers":
        return "nobody imports trainers"
    if not here:
        return None  # the contents page shows every other room
    if not there:
        return f"{here} imports the contents page, which imports {here}"
    if here in SIDE:
        return f"{here} stands apart, and imports {there}"
    for room in (here, there):
        if room not in FLOOR and room not in SIDE:
            return f"{room} has no floor: give it one in FLOORS"
    if there in SIDE:
        return None if FLOOR[here] >= SIDE[there] else f"{here} lies below the users of {there}"
    return None if FLOOR[there] < FLOOR[here] else f"{there} is not on a floor below {here}"


def faults(source: str, module: str, is_package: bool = False) -> list[str]:
    """Every import in `source` that the plan of the house forbids, with the reason."""
    here = room_of(module)
    names = imported(source, module, is_package)
    found = [f"{name}: {PACKAGE}'s imports are explicit" for name in names if name.endswith(".*")]
    for name in names:
        if name.split(".")[0] == PACKAGE:
            # `from attention_zoo import X` reads a room where X is one, else the contents page.
            there = room_of(name)
            reason = wrong_import(here, there if is_room(there) else "")
            found += [f"{name}: {reason}"] if reason else []
    libraries = outside(names)
    if here not in MAY_USE_TENSORFLOW and libraries & {"tensorflow", "tensorflow_datasets"}:
        found.append(f"{here} imports TensorFlow: only {sorted(MAY_USE_TENSORFLOW)} may")
    if here == "dynamics" and libraries - {"numpy", "scipy"}:
        found.append(f"dynamics imports {sorted(libraries)}: closed forms need NumPy and SciPy")
    return sorted(found)


def is_room(name: str) -> bool:
    """Whether `name` is a module or subpackage of the package, planned or there already."""
    there = {path.stem for path in (ROOT / PACKAGE).iterdir()}
    return name in there | set(FLOOR) | set(SIDE) | ANYWHERE


def module_name(path: Path) -> str:
    """`attention_zoo.layers.soft` for its file; a package for its `__init__.py`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("path", FILES, ids=[str(p.relative_to(ROOT)) for p in FILES])
def test_file_keeps_to_its_floor(path):
    found = faults(path.read_text("utf-8"), module_name(path), path.name == "__init__.py")
    assert not found, "\n".join(found)


def test_every_module_has_a_floor():
    rooms = {room_of(module_name(path)) for path in FILES} - {""}
    assert rooms <= set(FLOOR) | set(SIDE) | ANYWHERE


@pytest.mark.parametrize(
    ("module", "source", "reason"),
    [
        ("ops", "from attention_zoo.layers import SoftAttention", "not on a floor below"),
        ("ops", "def f():\n    import attention_zoo.layers.base", "not on a floor below"),
        ("ops", "from . import layers", "not on a floor below"),
        ("layers.soft", "from ..losses import NegativeLogLikelihood", "not on a floor below"),
        ("losses", "from attention_zoo import metrics", "not on a floor below"),
        ("callbacks", "from attention_zoo.evaluation import breakdown", "not on a floor below"),
        ("layers.soft", "from attention_zoo.layers.base import *", "explicit"),
        ("models.captioner", "import attention_zoo as az", "contents page"),
        ("models.captioner", "from attention_zoo import SoftAttention", "contents page"),
        ("report", "from attention_zoo.trainers import loop", "nobody imports trainers"),
        ("datasets.sdc", "from attention_zoo import ops", "stands apart"),
        ("layers.soft", "from attention_zoo.dynamics import trajectory", "below the users"),
        ("dynamics.closed_forms", "import keras", "NumPy and SciPy"),
        ("layers.soft", "import tensorflow as tf", "TensorFlow"),
        ("attic", "from attention_zoo import ops", "no floor"),
    ],
)
def test_forbidden_import_is_found(module, source, reason):
    found = faults(source, f"{PACKAGE}.{module}")
    assert len(found) == 1
    assert reason in found[0]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("layers.soft", "from attention_zoo.layers.base import Attention"),
        ("layers.soft", "from .base import Attention"),
        ("layers.soft", "from attention_zoo.ops import average\nfrom keras import ops, layers"),
        ("models.captioner", "from attention_zoo import layers, ops"),
        ("trainers.sdc", "import tensorflow as tf\nfrom attention_zoo.trainers import loop"),
        ("trainers.sdc", "from attention_zoo import datasets, dynamics, report"),
        ("dynamics.closed_forms", "import math\nfrom scipy.special import wrightomega"),
        ("export", "from attention_zoo._version import __version__"),
    ],
)
def test_allowed_import_passes(module, source):
    assert faults(source, f"{PACKAGE}.{module}") == []


def test_relative_import_in_a_package_page_is_read_from_that_package():
    names = imported("from .soft import SoftAttention", f"{PACKAGE}.layers", is_package=True)
    assert names == {f"{PACKAGE}.layers.soft.SoftAttention"}


@functools.cache
def required(extras: str) -> set[str]:
    """The distributions in `install_requires` of setup.py and in extras, without versions."""
    given: dict = {}
    stand_in = types.SimpleNamespace(setup=given.update, find_packages=lambda **_: [])
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "setuptools", stand_in)
        runpy.run_path(str(ROOT / "setup.py"))
    listed = list(given["install_requires"])
    listed += [one for extra in extras.split() for one in given["extras_require"][extra]]
    return {re.split("[<>=!~;[ ]", requirement)[0] for requirement in listed}


@pytest.mark.parametrize("path", [*FILES, *EXPERIMENTS], ids=lambda p: str(p.relative_to(ROOT)))
def test_every_library_is_required(path):
    """The package itself has no use of `experiments`, which its users do not have."""
    libraries = outside(
        imported(path.read_text("utf-8"), module_name(path), path.name == "__init__.py")
    ) - ({"experiments"} if path in EXPERIMENTS else set())
    named = {DISTRIBUTION.get(name, name.replace("_", "-")) for name in libraries}
    module = module_name(path).removeprefix(f"{PACKAGE}.")
    assert named <= required(OPTIONAL.get(module, ""))
