r"""Evaluates the model of a finished run again: on its test examples, or on others.

python -m attention_zoo.trainers.evaluate --run=runs/sdc --split=validation
python -m attention_zoo.trainers.evaluate --run=runs/hatexplain --data_dir=other_posts
"""

import dataclasses

from attention_zoo._program import Program, import_tensorflow
from attention_zoo._settings import setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """The run and the data."""

    run: str | None = setting(None, "Folder of the finished run.", path=True)
    split: str = setting("test", "Which of its splits.", choices=("train", "validation", "test"))
    data_dir: str | None = setting(
        None, "Folder of other data, of the run's kind and classes.", path=True
    )
    test_split: str | None = setting(None, "Other test examples, in the TFDS slicing language.")


def main(run, split, **settings):
    """Evaluates, and prints the figures."""
    if run is None:
        raise ValueError("run is unset, expected the folder of a finished run")
    import_tensorflow()
    from attention_zoo import tasks

    given = {name: value for name, value in settings.items() if value is not None}
    print(f"{split}: {tasks.evaluate_finished(run, split=split, **given).table()}")


COMMAND = Program(main, (Settings,), __doc__)
run = COMMAND.run  # the console script

if __name__ == "__main__":
    run()
