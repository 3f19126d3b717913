"""A run's folder: settings, checkpoints, curves; every file is whole or not there."""

import csv
import json
import os
import re
import shutil
import warnings
from pathlib import Path


class Workdir:
    """The folder of one run.

    A run that was broken off goes on from its newest checkpoint when it is started again with
    the same settings; other settings are refused. Files and folders are made under a temporary
    name and moved into place.

    Args:
        path: the folder; made if it is not there.
        settings: mapping of the run's settings, JSON-serialisable; kept in `config.json`.

    Attributes:
        path: the folder, a `pathlib.Path`.

    Raises:
        ValueError: the folder cannot be written, or holds something other than this run.
    """

    def __init__(self, path, settings):
        self.path = Path(path)
        self._checkpoints = self.path / "checkpoints"
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
        if not config.exists() and any(self.path.iterdir()):
            raise ValueError(
                f"workdir {self.path} has files but no config.json, expected a new or empty "
                "folder, or that of an earlier run"
            )
        self._checkpoints.mkdir(exist_ok=True)
        if config.exists() and self.newest_checkpoint() is not None:
            _check_same(self.path, json.loads(config.read_text()), settings)
        self.write_text("config.json", json.dumps(settings, indent=2) + "\n")

    def write(self, name, writer, folder=False):
        """Makes the file or folder `name` by `writer(temporary path)`, then moves it into place."""
        target = self.path / name
        temporary = target.with_name(f".writing-{target.name}")
        _remove(temporary)
        writer(temporary)
        if folder:
            _remove(target)
        os.replace(temporary, target)

    def write_text(self, name, text):
        """Makes the text file `name`."""
        self.write(name, lambda path: path.write_text(text))

    def save_checkpoint(self, model, epochs_done, keep):
        """Saves all state after `epochs_done` epochs; keeps the newest `keep` checkpoints."""
        name = f"checkpoints/epoch-{epochs_done:04d}.weights.h5"
        self.write(name, model.save_weights)
        for old in self._checkpoint_files()[keep:]:
            old.unlink()

    def restore_checkpoint(self, model):
        """Loads the newest checkpoint that can be read; returns its number of epochs, or 0."""
        for path in self._checkpoint_files():
            try:
                model.load_weights(path)
            except (OSError, ValueError, KeyError) as error:
                warnings.warn(f"checkpoint {path} cannot be read: {error}", stacklevel=2)
                continue
            return _epochs(path)
        return 0

    def newest_checkpoint(self):
        """The path of the newest checkpoint, or None."""
        return next(iter(self._checkpoint_files()), None)

    def _checkpoint_files(self):
        """Checkpoints, newest first."""
        files = (path for path in self._checkpoints.iterdir() if _epochs(path) is not None)
        return sorted(files, key=_epochs, reverse=True)

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


def _remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _epochs(path):
    match = re.fullmatch(r"epoch-(\d+)\.weights\.h5", path.name)
    return int(match[1]) if match else None


def _number(text):
    return int(text) if text.isdigit() else float(text)


def _write_csv(path, rows):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
