"""Checks a wheel and its installation from outside the repository.

python -I -W error check_wheel.py WHEEL REPOSITORY
"""

import importlib
import importlib.metadata
import importlib.util
import pkgutil
import sys
import zipfile
from pathlib import Path

PACKAGE = "attention_zoo"
OUTSIDE = ["layers", "datasets", "trainers", "experiments"]


def check(holds, message):
    """Ends the run with `message` unless `holds`."""
    if not holds:
        sys.exit(f"wheel: {message}")


def check_contents(wheel, repository):
    """The wheel holds every file of the package, `py.typed` among them, and no other."""
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    files = (path for path in (repository / PACKAGE).rglob("*") if path.is_file())
    wanted = {p.relative_to(repository).as_posix() for p in files if "__pycache__" not in p.parts}
    check(f"{PACKAGE}/py.typed" in packed, "py.typed is missing")
    check(packed >= wanted, f"missing, see package_data in setup.py: {sorted(wanted - packed)}")
    check(packed <= wanted, f"should not be there: {sorted(packed - wanted)}")
    return len(packed)


def check_installation(repository):
    """Every module imports, from site-packages; what else the root has is no module."""
    package = importlib.import_module(PACKAGE)
    place = Path(package.__file__).resolve()
    check("site-packages" in place.parts, f"{PACKAGE} was imported from {place}")
    check(repository not in place.parents, f"{place} lies in the repository")
    for name in OUTSIDE:
        check(importlib.util.find_spec(name) is None, f"{name} is a top-level module")
    names = [m.name for m in pkgutil.walk_packages(package.__path__, f"{PACKAGE}.")]
    for name in names:
        importlib.import_module(name)
    for entry_point in importlib.metadata.distribution("attention-zoo").entry_points:
        entry_point.load()
    return place, len(names)


def main(wheel, repository):
    """Prints what was found, or ends with the first fault."""
    repository = Path(repository).resolve()
    files = check_contents(wheel, repository)
    place, modules = check_installation(repository)
    print(f"{files} files in the wheel; {modules} modules import from {place.parent}")


if __name__ == "__main__":
    main(*sys.argv[1:])
