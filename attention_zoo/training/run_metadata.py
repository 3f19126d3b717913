"""What a run's folder says about the run besides its settings."""

import dataclasses
import datetime
import json

import keras
import tensorflow as tf

from attention_zoo._version import __version__


def write_about(run, trainer, defaults):
    """Writes `about.json`: trainer, versions, when the run began, its settings' defaults.

    A run that is taken up again keeps what was written when it began.

    Args:
        run: the `Workdir`.
        trainer: name of the trainer's module.
        defaults: its settings as they are without flags, a dataclass.
    """
    if (run.path / "about.json").exists():
        return
    began = datetime.datetime.now(datetime.timezone.utc)
    about = {
        "trainer": trainer,
        "began": began.isoformat(timespec="seconds"),
        "attention_zoo": __version__,
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "defaults": dataclasses.asdict(defaults),
    }
    run.write_text("about.json", json.dumps(about, indent=2) + "\n")
