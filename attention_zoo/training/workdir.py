"""A run's folder: settings, checkpoints, curves; every file is whole or not there."""

import contextlib
import csv
import json
import os
import shutil
import tempfile
from pathlib import Path

from attention_zoo._json import loads
from attention_zoo._paths import expanded
from attention_zoo.report.csv_table import read_rows
from attention_zoo.report.run import ZERO_WAS_NULL, decided_by_objects
from attention_zoo.training.checkpoints import find_checkpoints
from attention_zoo.training.folder_lock import LOCK, hold


class Workdir:
    """The folder of one run.

    A run that was broken off goes on from its newest checkpoint when it is started again with
    the same settings, or for more epochs, and the same data; others are refused. Files and folders
    are made under a temporary name and moved into place. As a context manager it keeps other
    processes out until its end, without one for as long as the object lives.

    Args:
        path: the folder; made if it is not there.
        settings: mapping of the run's settings, JSON-serialisable; kept in `config.json`.
        data: fingerprints by the name of a part of the data; kept in `data.json`. None where a
            run has no data but its settings.
        writes: False for all workers but one that share the folder: they only read it.

    Attributes:
        path: the folder, a `pathlib.Path`.
        writes: as given.

    Raises:
        ValueError: the folder cannot be written, holds something other than this run, which is
            left alone, or is in use by another process.
    """

    def __init__(self, path, settings, writes=True, data=None):
        self.path = expanded(Path(path))
        self.writes = writes
        self._lock = None
        try:
            self._check(settings, data)
            if writes:
                self.path.mkdir(parents=True, exist_ok=True)
                self._open(settings, data)
        except OSError as error:
            raise ValueError(
                f"workdir {self.path} cannot be written ({error.strerror or error}), expected a "
                "folder to write to"
            ) from error

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._lock = None

    def _check(self, settings, data):
        """Raises, and changes nothing, if the folder holds something other than this run."""
        if not self.path.is_dir():
            return
        if not {path.name for path in self.path.iterdir()} - _BEFORE_CONFIG:
            return
        if not (self.path / "config.json").exists():
            raise ValueError(f"workdir {self.path} has files but no config.json, {_EXPECTED}")
        before = _read(self.path, "config.json")
        if has_begun(self.path):
            _check_same(self.path, before, settings)
            _check_data(self.path, data)
        elif strange := sorted(before.keys() ^ settings.keys()):
            raise ValueError(
                f"workdir {self.path} has a config.json with other names than this run's "
                f"({strange[0]!r} is in one of them), {_EXPECTED}"
            )

    def _open(self, settings, data):
        try:
            self._lock = hold(self.path)
        except BlockingIOError as error:
            raise ValueError(
                f"workdir {self.path} is in use by another process, expected one at a time"
            ) from error
        self._check(settings, data)  # again: until now another process could write
        self._clear_up()
        self._longer = None
        if not has_begun(self.path):
            self._clear_attempt()
        elif _goes_on(_read(self.path, "config.json"), settings):
            self._longer = settings
        if self._longer is None:
            self._write_settings(settings)
        if data is not None:
            self.write_text(DATA, json.dumps(data, indent=2) + "\n")
        (self.path / "checkpoints").mkdir(exist_ok=True)

    def go_on(self):
        """Makes a run one of more epochs, if these are asked for, once its checkpoint was read."""
        if self._longer is not None:
            self.remove_file("results.json")  # the mark of a finished run
            self._write_settings(self._longer)

    def _write_settings(self, settings):
        self.write_text("config.json", json.dumps(settings, indent=2) + "\n")

    def _clear_attempt(self):
        """Removes what is of an attempt without a checkpoint, whose place this run takes."""
        self.remove_file("about.json")
        if (events := self.path / "tensorboard").is_dir():
            self.remove(events)

    def _clear_up(self):
        """Removes what a process that was killed left half-written or half-removed."""
        for pattern in (".writing-*", ".removing-*"):
            for path in [*self.path.glob(pattern), *self.path.glob(f"checkpoints/{pattern}")]:
                _remove(path)

    def write(self, name, writer, folder=False):
        """Makes the file or folder `name` by `writer(temporary path)`, then moves it into place.

        Where the folder is another worker's, the writer runs all the same: what it reads may be
        spread over the workers.

        Raises:
            OSError: the disk is full, or does not take it. What was there before still is.
        """
        if not self.writes:
            with tempfile.TemporaryDirectory() as elsewhere:
                writer(Path(elsewhere) / Path(name).name)
            return
        target = self.path / name
        temporary = target.with_name(f".writing-{target.name}")
        try:
            _remove(temporary)
            writer(temporary)
            _flush(temporary)
            if folder and target.exists():
                self.remove(target)
            os.replace(temporary, target)
        except BaseException as error:
            with contextlib.suppress(OSError):
                _remove(temporary)  # half a file takes room
            if isinstance(error, OSError):
                raise OSError(_no_room(target, error)) from error
            raise
        _flush_folder(target.parent)

    def write_text(self, name, text):
        """Makes the text file `name`, in UTF-8, with the line ends that `text` has."""
        self.write(name, lambda path: path.write_bytes(text.encode()))

    def remove(self, path):
        """Removes a file or folder; a folder is whole until it is gone."""
        if self.writes:
            doomed = path.with_name(f".removing-{path.name}")
            os.replace(path, doomed)
            _remove(doomed)

    def remove_file(self, name):
        """Removes a file, if it is there."""
        if self.writes:
            (self.path / name).unlink(missing_ok=True)

    def put_aside(self, path):
        """Renames a damaged file or folder, so that nobody takes it for a sound one."""
        if self.writes:
            aside = path.with_name(f"{path.name}.damaged")
            _remove(aside)
            os.replace(path, aside)

    def write_metrics(self, rows):
        """Writes `metrics.csv`, a row an epoch: mappings of names to numbers.

        A figure that an epoch does not have is an empty cell.
        """
        self.write("metrics.csv", lambda path: _write_csv(path, rows))

    def read_metrics(self):
        """The rows of `metrics.csv`, mappings of names to numbers; none if it is not there.

        Raises:
            ValueError: the file is damaged.
        """
        path = self.path / "metrics.csv"
        try:
            rows = read_rows(path) if path.exists() else []
            return [{k: _number(v) for k, v in row.items() if v != ""} for row in rows]
        except ValueError as error:
            raise ValueError(
                f"{path} is damaged ({error}), expected the curves of the run"
            ) from error


def has_begun(path):
    """Whether a folder holds a run that has a checkpoint, or is finished."""
    path = expanded(Path(path))
    return (path / "results.json").exists() or bool(find_checkpoints(path / "checkpoints"))


DATA = "data.json"  # fingerprints of what a run was begun on
_BEFORE_CONFIG = {LOCK, ".writing-config.json"}  # all that there can be before config.json is
_EXPECTED = "expected a new or empty folder, or that of an earlier run"


def _read(path, name):
    """The mapping in a JSON file of a run."""
    try:
        before = loads((path / name).read_bytes())
    except ValueError as error:
        raise ValueError(
            f"workdir {path} has a {name} that is no JSON ({error}), {_EXPECTED}"
        ) from error
    if not isinstance(before, dict):
        raise ValueError(
            f"workdir {path} has a {name} that is a {type(before).__name__}, {_EXPECTED}"
        )
    return before


def _no_room(target, error):
    return (
        f"{target} cannot be written ({error.strerror or error}), expected a disk with room: what "
        "was saved before is whole, and the same command goes on with it"
    )


def _check_same(path, before, now):
    """Raises unless a run's settings, as they come back from JSON, are those of now."""
    now = json.loads(json.dumps(now))
    if find_checkpoints(path / "checkpoints") and _goes_on(before, now):
        now = now | {"epochs": before["epochs"]}
    differ = [
        f"{name}: {before.get(name)!r} before, {now.get(name)!r} now"
        for name in sorted(before.keys() | now.keys())
        if not is_same(name, before.get(name), now.get(name))
        and name not in decided_by_objects(now)  # earlier versions wrote the task's default
    ]
    if differ:
        raise ValueError(f"workdir {path} holds a run with other settings ({'; '.join(differ)})")


def is_same(name, before, now):
    """Whether a setting of a config.json is that of now; 0 was null in earlier versions."""
    return before == now or (name in ZERO_WAS_NULL and not before and not now)


def _goes_on(before, now):
    """Whether a run is to have more epochs than before, which changes nothing of those it had.

    It would where the learning rate follows a schedule up to the last step, and where the encoder
    was frozen in all epochs: it has no optimizer then.
    """
    epochs = before.get("epochs"), now.get("epochs")
    if before.get("warmup") or before.get("schedule") not in (None, "constant"):
        return False
    if not all(type(count) is int for count in epochs) or epochs[0] >= epochs[1]:
        return False
    return (before.get("frozen_epochs") or 0) < epochs[0]


def _check_data(path, data):
    """Raises unless a run's data are those of now; runs of earlier versions did not note theirs."""
    if data is None or not (path / DATA).exists():
        return
    before = _read(path, DATA)
    differ = sorted(n for n in before.keys() | data.keys() if before.get(n) != data.get(n))
    if differ:
        raise ValueError(
            f"workdir {path} holds a run on other data ({', '.join(differ)} changed since it "
            "began), expected the same: put them back, or begin in a new workdir"
        )


def _flush(path):
    """Has the disk take what was written, so that a power failure leaves no empty file."""
    for part in [path, *path.rglob("*")]:
        if part.is_dir():
            _flush_folder(part)
        elif part.is_file():
            with part.open("rb") as opened:
                os.fsync(opened.fileno())


def _flush_folder(path):
    """Has the disk take the names in a folder, as far as the system can: Windows cannot."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _number(text):
    return int(text) if text.isdigit() else float(text)


def _write_csv(path, rows):
    names = dict.fromkeys(name for row in rows for name in row)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(names))
        writer.writeheader()
        writer.writerows(rows)
