"""Job: one run of a trainer, as plain data."""

import dataclasses

ROWS = {
    "soft": {"attention": "soft"},
    "hard": {"attention": "hard"},
    "lvml": {"attention": "lvml"},
    "hybrid": {"attention": "hybrid"},
    "control": {"attention": "hybrid", "second_attention": "soft"},
}
NAMES = dict(zip(ROWS, ("soft", "hard", "LVML", "hybrid", "control"), strict=True))  # to show


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """One run of a trainer.

    Attributes:
        name: its folder below that of the suite, such as "digits/m5/soft_0".
        trainer: key of `outcome.TRAINERS`.
        data: what runs are compared on; those of one table or curve share it.
        settings: of the trainer; where data lies on disk is added when it runs.
        row: which of `ROWS` it is, where runs are compared.
        needs: what of `Places` has its data; None where the package brings all that it needs.
    """

    name: str
    trainer: str
    data: str
    settings: dict
    row: str | None = None
    needs: str | None = None


def comparison(
    folder, *, trainer, data, seeds, needs=None, rows=tuple(ROWS), of_row=None, **settings
):
    """The jobs that compare rows of `ROWS`: soft, hard, LVML, hybrid and its control.

    The control's second attention is its first, which goes on as hybrid does, at the same rate:
    soft, where `of_row` does not say otherwise.

    Args:
        folder: the jobs are "folder/soft_0" and so on, the number being the seed.
        trainer, data, needs: as in `Job`.
        seeds: of the runs, each for every row.
        rows: names in `ROWS`.
        of_row: settings by row, besides.
        **settings: of all.

    Returns:
        A list of `Job`, seed by seed.
    """
    return [
        Job(
            name=f"{folder}/{row}_{seed}",
            trainer=trainer,
            data=data,
            settings={**settings, **ROWS[row], **(of_row or {}).get(row, {}), "seed": seed},
            row=row,
            needs=needs,
        )
        for seed in seeds
        for row in rows
    ]
