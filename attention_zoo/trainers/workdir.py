"""A run's folder: settings, checkpoints, curves; every file is whole or not there."""

import csv
import json
import os
import shutil
import tempfile
from pathlib import Path

from attention_zoo.trainers.checkpoints import find_checkpoints


class Workdir:
    """The folder of one run.

    A run that was broken off goes on from its newest checkpoint when it is started again with
    the same settings; other settings are refused. Files and folders are made under a temporary
    name and moved into place.

    Args:
        path: the folder; made if it is not there.
        settings: mapping of the run's settings, JSON-serialisable; kept in `config.json`.
        writes: False for all workers but one that share the folder: they only read it.

    Attributes:
        path: the folder, a `pathlib.Path`.
        writes: as given.

    Raises:
        ValueError: the folder cannot be written, or holds something other than this run.
    """

    def __init__(self, path, settings, writes=True):
        self.path = Path(path)
        self.writes = writes
        if not writes:
            return
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._open(settings)
        except OSError as error:
            raise ValueError(
                f"workdir {self.path} cannot be written ({error.strerror}), expected a folder to "
                "write to"
            ) from error

    def _open(self, settings):
        config = self.path / "config.json"
        self._clear_up()
        if not config.exists() and any(self.path.iterdir()):
            raise ValueError(
                f"workdir {self.path} has files but no config.json, expected a new or empty "
                "folder, or that of an earlier run"
            )
        if config.exists() and find_checkpoints(self.path / "checkpoints"):
            _check_same(self.path, json.loads(config.read_text()), settings)
        self.write_text("config.json", json.dumps(settings, indent=2) + "\n")
        (self.path / "checkpoints").mkdir(exist_ok=True)

    def _clear_up(self):
        """Removes what a process that was killed left half-written or half-removed."""
        for pattern in (".writing-*", ".removing-*"):
            for path in [*self.path.glob(pattern), *self.path.glob(f"checkpoints/{pattern}")]:
                _remove(path)

    def write(self, name, writer, folder=False):
        """Makes the file or folder `name` by `writer(temporary path)`, then moves it into place.

        Where the folder is another worker's, the writer runs all the same: what it reads may be
        spread over the workers.
        """
        if not self.writes:
            with tempfile.TemporaryDirectory() as elsewhere:
                writer(Path(elsewhere) / Path(name).name)
            return
        target = self.path / name
        temporary = target.with_name(f".writing-{target.name}")
        _remove(temporary)
        writer(temporary)
        _flush(temporary)
        if folder and target.exists():
            self.remove(target)
        os.replace(temporary, target)

    def write_text(self, name, text):
        """Makes the text file `name`."""
        self.write(name, lambda path: path.write_text(text))

    def remove(self, path):
        """Removes a file or folder; a folder is whole until it is gone."""
        if self.writes:
            doomed = path.with_name(f".removing-{path.name}")
            os.replace(path, doomed)
            _remove(doomed)

    def put_aside(self, path):
        """Renames a damaged file or folder, so that nobody takes it for a sound one."""
        if self.writes:
            aside = path.with_name(f"{path.name}.damaged")
            _remove(aside)
            os.replace(path, aside)

    def write_metrics(self, rows):
        """Writes `metrics.csv`, a row an epoch: mappings of the same names to numbers."""
        self.write("metrics.csv", lambda path: _write_csv(path, rows))

    def read_metrics(self):
        """The rows of `metrics.csv`, mappings of names to numbers; none if it is not there."""
        path = self.path / "metrics.csv"
        if not path.exists():
            return []
        with path.open(newline="") as file:
            return [{k: _number(v) for k, v in row.items()} for row in csv.DictReader(file)]


def _check_same(path, before, now):
    """Raises unless a run's settings, as they come back from JSON, are those of now."""
    now = json.loads(json.dumps(now))
    differ = [
        f"{name}: {before.get(name)!r} before, {now.get(name)!r} now"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]
    if differ:
        raise ValueError(f"workdir {path} holds a run with other settings ({'; '.join(differ)})")


def _flush(path):
    """Has the disk take what was written, so that a power failure leaves no empty file."""
    for file in path.rglob("*") if path.is_dir() else [path]:
        if file.is_file():
            with file.open("rb") as opened:
                os.fsync(opened.fileno())


def _remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _number(text):
    return int(text) if text.isdigit() else float(text)


def _write_csv(path, rows):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
