"""The shape of the repository: front doors that open, contents pages that say what they show."""

import ast
import importlib
import inspect
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

PACKAGE = "attention_zoo"
ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted((ROOT / PACKAGE).rglob("__init__.py"))


def module_name(page: Path) -> str:
    """`attention_zoo.layers` for its `__init__.py`."""
    return ".".join(page.parent.relative_to(ROOT).parts)


@pytest.mark.parametrize("name", ["layers", "datasets", "trainers"])
def test_front_door_opens(name):
    door = ROOT / name
    assert door.is_symlink()
    assert os.readlink(door) == f"{PACKAGE}/{name}"
    assert (door / "__init__.py").is_file()


def test_every_folder_of_modules_has_a_contents_page():
    """Else the wheel leaves it out, while the repository itself goes on working."""
    folders = {module.parent for module in (ROOT / PACKAGE).rglob("*.py")}
    assert folders == {page.parent for page in PAGES}


@pytest.mark.parametrize("page", PAGES, ids=module_name)
def test_contents_page_lists_explicit_names(page):
    """What a page imports it lists in one literal `__all__`; every name listed is there."""
    tree = ast.parse(page.read_text("utf-8"))
    assert ast.get_docstring(tree)
    if not any(isinstance(node, ast.Import | ast.ImportFrom) for node in tree.body):
        return
    (listed,) = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    ]
    assert len(set(listed)) == len(listed)
    module = importlib.import_module(module_name(page))
    assert [name for name in listed if not hasattr(module, name)] == []


def public_objects(module: ModuleType, seen: set[str]) -> Iterator[tuple[str, object]]:
    """The classes and functions a contents page exports, its subpackages' included."""
    seen.add(module.__name__)
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.ismodule(value):
            if value.__name__ not in seen and hasattr(value, "__all__"):
                yield from public_objects(value, seen)
        elif inspect.isclass(value) or inspect.isfunction(value):
            yield f"{module.__name__}.{name}", value


def test_every_public_object_has_a_docstring():
    objects = dict(public_objects(importlib.import_module(PACKAGE), set()))
    assert objects
    bare = [name for name, value in objects.items() if not (value.__doc__ or "").strip()]
    assert not bare
