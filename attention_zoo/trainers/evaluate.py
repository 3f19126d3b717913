r"""Evaluates the model of a finished run again: on its test examples, or on others.

python -m attention_zoo.trainers.evaluate --run=runs/sdc --split=validation
python -m attention_zoo.trainers.evaluate --run=runs/hatexplain --data_dir=other_posts
python -m attention_zoo.trainers.evaluate --run=runs/coins --task=own_task:CoinsTask
"""

import dataclasses

from attention_zoo._program import Program, import_tensorflow
from attention_zoo._settings import setting
from attention_zoo.trainers.command import find_own_modules


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """The run and the data."""

    run: str | None = setting(None, "Folder of the finished run.", path=True)
    task: str | None = setting(
        None, "Class of a task of your own, as package.module:Class; what the run notes if unset."
    )
    split: str = setting("test", "Which of its splits.", choices=("train", "validation", "test"))
    data_dir: str | None = setting(
        None, "Folder of other data, of the run's kind and classes.", path=True
    )
    test_split: str | None = setting(None, "Other test examples, in the TFDS slicing language.")


def main(run, task, split, **settings):
    """Evaluates, and prints the figures."""
    if run is None:
        raise ValueError("run is unset, expected the folder of a finished run")
    import_tensorflow()
    from attention_zoo import tasks

    if task is not None:
        find_own_modules()
    given = {name: value for name, value in settings.items() if value is not None}
    print(f"{split}: {tasks.evaluate_finished(run, task=task, split=split, **given).table()}")


COMMAND = Program(main, (Settings,), __doc__)
run = COMMAND.run  # the console script

if __name__ == "__main__":
    run()
