r"""Trains on bags (multiple-instance learning): one split, or a cross-validation.

    python -m attention_zoo.trainers.bags --workdir=runs/digits_bags
    python -m attention_zoo.trainers.bags --dataset=bags/slides --data_dir=slides --batch_size=1
    python -m attention_zoo.trainers.bags --dataset=bags/csv --data_dir=musk1.csv --folds=10 \
        --repeats=5 --validation=0 --workdir=runs/musk1

Without flags: 200 bags of some ten digits, positive where one is a 9. With --repeats every fold is
the test split in its turn; the folder then has figures and predictions of all folds in place of a
model. docs/bags.md has results.
"""

import dataclasses

from attention_zoo._settings import setting
from attention_zoo.tasks.bags.config import BagsConfig
from attention_zoo.trainers.command import Command, tables


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Repeats(BagsConfig):
    """Cross-validation."""

    repeats: int | None = setting(
        None, "Trains for each of the `folds`, so many times on other cuts; once for one if unset."
    )


def run_bags(workdir, *, repeats=None, **settings):
    """Evaluations by split, or a `CrossValidation` where `repeats` is given."""
    from attention_zoo import tasks  # slow to import

    if repeats is None:
        return tasks.train("bags", workdir, **settings)
    for name in ("fold", "repeat"):
        if settings.pop(name, 0):
            raise ValueError(f"{name} is given beside repeats, expected one of them")
    if settings.get("folds") is None:
        settings.pop("folds", None)
    return tasks.cross_validate(workdir, repeats=repeats, **settings)


def _report(found):
    return tables(found) if isinstance(found, dict) else found.table()


COMMAND = Command(run_bags, _Repeats, "runs/bags", _report, __doc__)
run = COMMAND.run  # the console script

if __name__ == "__main__":
    run()
