r"""Evaluates the model of a finished run again: on its test examples, or on others.

python -m attention_zoo.trainers.evaluate --run=runs/sdc --split=validation
python -m attention_zoo.trainers.evaluate --run=runs/hatexplain --data_dir=other_posts
"""

from absl import flags

from attention_zoo._settings import list_in_help
from attention_zoo.tasks import evaluate_finished
from attention_zoo.trainers.command import start

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


def main(chosen):
    """Evaluates, and prints the figures."""
    if chosen.run is None:
        raise ValueError("run is unset, expected the folder of a finished run")
    given = {name: chosen[name].value for name in ("data_dir", "test_split")}
    settings = {name: value for name, value in given.items() if value is not None}
    found = evaluate_finished(chosen.run, split=chosen.split, **settings)
    print(f"{chosen.split}: {found.table()}")


def run():
    """The console script."""
    start(define, main)


if __name__ == "__main__":
    run()
