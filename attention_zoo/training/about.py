"""about.json: the task of a run, the versions behind it, and what its settings are by default."""

import dataclasses
import datetime
import json

import keras
import tensorflow as tf

from attention_zoo._version import __version__


def write_metadata(folder, task, defaults, words=None, path=None):
    """Writes `about.json`: task, its words, versions, when the run began, the settings' defaults.

    A run that is taken up again keeps what was written when it began; where it has no checkpoint
    yet, the `Workdir` has removed that.

    Args:
        folder: the `Workdir`.
        task: its name.
        defaults: the settings as they are without flags, a dataclass.
        words: the task's `Words`, if it has any.
        path: of the task's class, see `training.task_path`; None for none.
    """
    if (folder.path / "about.json").exists():
        return
    began = datetime.datetime.now(datetime.timezone.utc)
    about = {
        "task": task,
        **({} if path is None else {"class": path}),
        "words": {} if words is None else dataclasses.asdict(words),
        "began": began.isoformat(timespec="seconds"),
        "attention_zoo": __version__,
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "defaults": dataclasses.asdict(defaults),
    }
    folder.write_text("about.json", json.dumps(about, indent=2) + "\n")
