"""The folder of a preset: its files, and the sums that tell a damaged one.

    config.json         the model as Keras serialises it, with the shape that it was built with
    model.weights.h5    its weights as Keras writes them, without an optimizer's
    card.json           the model card, where there is one
    metadata.json       number of this format, version of package and Keras
    SHA256SUMS          of all these, as `sha256sum --check` reads it

The sums have a file of their own so that they cover metadata.json as well. They find damage, not
malice: whoever can change a file can change its sum.
"""

import contextlib
import json
import os
import tempfile
from pathlib import Path

import keras

from attention_zoo._json import loads
from attention_zoo._paths import expanded
from attention_zoo._sums import SUMS, check_sum, read_sums, write_sums
from attention_zoo._version import __version__

FORMAT = 1
CONFIG, WEIGHTS, CARD = "config.json", "model.weights.h5", "card.json"
METADATA = "metadata.json"
FILES = (CONFIG, METADATA, WEIGHTS, CARD)  # beside SHA256SUMS; the card may be missing


def write_json(path, data):
    """Writes JSON with the same bytes on every system."""
    path.write_bytes((json.dumps(data, indent=2, ensure_ascii=False) + "\n").encode())


def seal(folder):
    """Writes metadata.json, and SHA256SUMS of all files."""
    versions = {"attention_zoo": __version__, "keras": keras.__version__}
    write_json(folder / METADATA, {"format": FORMAT, "versions": versions})
    write_sums(folder)


def check(folder):
    """The names of a preset's files.

    Raises:
        ValueError: the folder holds no preset, one of a later format, or one that is not whole.
    """
    if not any((folder / name).is_file() for name in (METADATA, SUMS)):
        raise ValueError(
            f"{folder} has no {METADATA}, expected a folder that save_to_preset has made"
        )
    _check_format(folder)
    sums = _read_sums(folder)
    for name, expected in sums.items():
        path = _there(folder, name)
        with _damage(folder):
            check_sum(path, expected)
    return set(sums)


def read_json(folder, name):
    """The content of a JSON file, a mapping."""
    try:
        content = loads(_there(folder, name).read_bytes())
    except ValueError as error:
        raise ValueError(f"preset {folder} is damaged: {name} is no JSON ({error})") from error
    if not isinstance(content, dict):
        raise ValueError(
            f"preset {folder} is damaged: {name} is a {type(content).__name__}, expected a mapping"
        )
    return content


def _check_format(folder):
    metadata = read_json(folder, METADATA)
    number = metadata.get("format")
    if type(number) is not int or number < 1:
        raise ValueError(f"preset {folder} has the format {number!r}, expected 1 to {FORMAT}")
    if number > FORMAT:
        raise ValueError(
            f"preset {folder} has the format {number}, expected {FORMAT} or less: it was made by "
            f"a later attention_zoo than {__version__} (versions: {metadata.get('versions')})"
        )


def _read_sums(folder):
    """SHA-256 by the name of the file."""
    _there(folder, SUMS)
    with _damage(folder):
        sums = read_sums(folder)
    if sums.keys() | {CARD} != set(FILES):
        raise ValueError(
            f"preset {folder} is damaged: {SUMS} lists {', '.join(sorted(sums))}, expected "
            f"{CONFIG}, {METADATA}, {WEIGHTS} and maybe {CARD}"
        )
    return sums


def _there(folder, name):
    if not (folder / name).is_file():
        raise ValueError(f"preset {folder} is not whole: {name} is missing")
    return folder / name


@contextlib.contextmanager
def _damage(folder):
    """Says of which preset a ValueError is."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"preset {folder} is damaged: {error}") from None


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
