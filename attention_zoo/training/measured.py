"""What a run measures: the splits, and what chance gives in them."""

import dataclasses

import numpy as np


def measured_splits(task, splits, seed):
    """The splits that are evaluated, by name; "train" where there is no other.

    Of the training examples as many as the others have at most, chosen at random: their order may
    be one of classes.
    """
    names = [name for name in task.measured if name in splits] or ["train"]
    most = max((len(split.source) for name, split in splits.items() if name != "train"), default=0)
    n = len(splits["train"].source)
    if not 0 < most < n:
        return {name: splits[name] for name in names}
    rows = np.sort(np.random.default_rng(seed).choice(n, most, replace=False))
    part = dataclasses.replace(splits["train"], source=splits["train"].source.rows(rows))
    return {name: part if name == "train" else splits[name] for name in names}


def floors_of(task, measured, training):
    """Floors of the very examples that are measured, by split, where there are any."""
    return {name: found for name, found in task.floors(measured, training).items() if found}
