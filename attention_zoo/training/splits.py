"""The splits of a run: loaded by its settings or brought along, and examples of their own each."""

import dataclasses
import itertools

from absl import logging

from attention_zoo.datasets.split import Split
from attention_zoo.datasets.splits import shared_rows
from attention_zoo.training.task import SPLITS, check_classes


def load_splits(task, config):
    """The splits by name that the settings stand for."""
    return _checked(task.load(config))


def accept_splits(task, data, config):
    """The splits by name of what a user brings: one for "train", or a dict."""
    data = data if isinstance(data, dict) else {"train": data}
    if "train" not in data or not data.keys() <= set(SPLITS):
        raise ValueError(
            f"data has {sorted(data)}, expected 'train', and maybe 'validation' and 'test'"
        )
    splits = _checked({n: task.accept(data[n], config) for n in SPLITS if n in data})
    names, named = splits["train"].class_names, splits["train"].named
    for name, split in splits.items():
        check_classes(name, split, names, named, "train")
    return {
        name: dataclasses.replace(split, class_names=names, named=named)
        for name, split in splits.items()
    }


def _checked(splits):
    for name, split in splits.items():
        if not isinstance(split, Split):
            raise ValueError(f"{name} is a {type(split).__name__}, expected a datasets.Split")
    if "train" not in splits:
        raise ValueError(f"the splits are {sorted(splits)}, expected 'train' among them")
    return splits


def check_apart(splits, prints, examples, *, are_own, has_begun):
    """Refuses two splits of the same examples, or made of some of the same rows.

    The same split twice, or copies of one file, get a warning where settings name them: they serve
    to try things out. So do slices that overlap where an earlier version began the run. Splits that
    a user brings are compared as a whole alone: two of one name may be of two folders.

    Args:
        splits: by name.
        prints: fingerprints of the examples, by name of the split.
        examples: the task's word for them.
        are_own: whether a user brought them.
        has_begun: function () -> whether the run goes on, or is finished.

    Raises:
        ValueError: two splits of one's own have the same examples, or slices overlap.
    """
    for one, other in itertools.combinations(splits, 2):
        if not are_own and (shared := shared_rows(splits[one].parts, splits[other].parts)):
            names = [splits[name].split for name in (one, other)]
            notice = (
                f"{other} is {names[1]!r} and {one} is {names[0]!r}: both have {shared}, expected "
                "splits that are apart"
            )
            if names[0] != names[1] and not has_begun():
                raise ValueError(notice)
            logging.warning("%s", notice)
        elif one in prints and prints[one] == prints.get(other):
            notice = (
                f"{other} has the same {examples} as {one}, expected others: its figures would say "
                "nothing of new ones"
            )
            if are_own:
                raise ValueError(notice)
            logging.warning("%s", notice)
