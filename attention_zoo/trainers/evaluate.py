r"""Evaluates the model of a finished run again: on its test examples, or on others.

python -m attention_zoo.trainers.evaluate --run=runs/sdc --split=validation
python -m attention_zoo.trainers.evaluate --run=runs/hatexplain --data_dir=other_posts
"""

import sys

from absl import app, flags, logging

from attention_zoo._settings import list_in_help, parse_flags
from attention_zoo.tasks import evaluate_finished

_OWN = {
    "run": (None, "Folder of the finished run."),
    "split": ("test", "Which of its splits: train, validation or test."),
    "data_dir": (None, "Folder of other data, of the run's kind and classes."),
    "test_split": (None, "Other test examples, in the TFDS slicing language."),
}


def define():
    """Defines the flags."""
    for name, (default, text) in _OWN.items():
        flags.DEFINE_string(name, default, text)
        list_in_help(name)


def main(argv):
    """Evaluates, and prints the figures."""
    if len(argv) > 1:
        raise app.UsageError(f"unknown arguments {argv[1:]}, expected flags only")
    chosen = flags.FLAGS
    given = {name: chosen[name].value for name in ("data_dir", "test_split")}
    try:
        if chosen.run is None:
            raise ValueError("run is unset, expected the folder of a finished run")
        settings = {name: value for name, value in given.items() if value is not None}
        found = evaluate_finished(chosen.run, split=chosen.split, **settings)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {str(error).splitlines()[0]}")
    print(f"{chosen.split}: {found.table()}")


def run():
    """The console script."""
    logging.set_verbosity(logging.WARNING)
    define()
    app.run(main, flags_parser=parse_flags)


if __name__ == "__main__":
    run()
