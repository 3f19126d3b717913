"""Folds: splits of bags that keep the share of the classes, and cases whole."""

import dataclasses
import warnings

import numpy as np


def folds(labels, cases, count, seed):
    """The fold of every bag, (n,), from 0: stratified by label, no case in two.

    Args:
        labels: Class ids, (n,).
        cases: Of what each bag is a part, n strings.
        count: Folds, k.
        seed: Of the shuffle.

    Raises:
        ValueError: Fewer than 2 folds, fewer cases, or no class with so many bags.
    """
    labels, cases = np.asarray(labels), np.asarray(cases)
    if not 2 <= count <= _most(labels, cases):
        raise ValueError(
            f"folds is {count}, expected 2 to {_most(labels, cases)}: there are "
            f"{len(set(cases))} cases, and {np.bincount(labels).max()} bags of the commonest class"
        )
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold  # slow to import

    alone = len(set(cases)) == len(cases)
    cut = StratifiedKFold if alone else StratifiedGroupKFold
    cut = cut(count, shuffle=True, random_state=seed)
    found = np.empty(len(labels), int)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class")
        for number, (_, rows) in enumerate(cut.split(labels, labels, None if alone else cases)):
            found[rows] = number
    return found


def _most(labels, cases):
    """The most folds that can be: as many as cases, and as bags of the commonest class."""
    return int(min(len(set(cases)), np.bincount(labels).max()))


def train_validation_test(labels, cases, *, count, fold, repeat, validation):
    """Rows (k,) of "train", "validation" and "test", by name.

    Args:
        labels, cases: As of `folds`.
        count: Folds of the cross-validation.
        fold: Which is the test split, from 0.
        repeat: Which shuffle, from 0.
        validation: Share of all bags, cut from those that are no test; 0 for none. One of equal
            parts of these, at most half of them and at least a case.

    Raises:
        ValueError: As of `folds`; no such fold; or too few bags for a validation split.
    """
    if not 0 <= fold < count:
        raise ValueError(f"fold is {fold}, expected 0 to {count - 1}, one of the folds")
    labels, cases = np.asarray(labels), np.asarray(cases)
    of = folds(labels, cases, count, repeat)
    rest, test = np.flatnonzero(of != fold), np.flatnonzero(of == fold)
    if not validation:
        return {"train": rest, "test": test}
    most = _most(labels[rest], cases[rest])
    if most < 2:
        raise ValueError(
            f"validation is {validation}, expected 0: beside fold {fold} of {count} there are "
            f"{len(rest)} bags of {len(set(cases[rest]))} cases, which cannot be cut"
        )
    parts = min(max(2, round(len(rest) / (validation * len(labels)))), most)
    part = folds(labels[rest], cases[rest], parts, repeat)
    return {"train": rest[part != 0], "validation": rest[part == 0], "test": test}


def with_folds(loader):
    """A loader of all bags of a file or folder that takes folds of a cross-validation too.

    Args:
        loader: Function (split, data_dir=…) -> `BagInfo`; "all" are all bags.
    """

    def load(split="all", *, data_dir=None, folds=None, fold=0, repeat=0, seed=0):
        """The bags of a split, or of a fold's.

        Args:
            split: As `loader` takes it; of a fold "train" or "test".
            data_dir: As `loader` takes it.
            folds, fold, repeat: Folds of a cross-validation, which of them is "test", and which
                shuffle they are cut from, both from 0; all others are "train". No folds if None.
            seed: Changes nothing; every data set takes one.

        Raises:
            ValueError: As of `loader` and `train_validation_test`; another split of a fold, or a
                fold without folds.
        """
        if folds is None:
            for name, value in {"fold": fold, "repeat": repeat}.items():
                if value:
                    raise ValueError(f"{name} is {value} without folds, expected their number too")
            return loader(split, data_dir=data_dir)
        info = loader("all", data_dir=data_dir)
        options = {"count": folds, "fold": fold, "repeat": repeat, "validation": 0}
        rows = train_validation_test(info.source.labels, info.source.cases, **options)
        if split not in rows:
            raise ValueError(f"split is {split!r} of a fold, expected one of {sorted(rows)}")
        return dataclasses.replace(info, split=split, source=info.source.rows(rows[split]))

    return load
