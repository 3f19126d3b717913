"""Folds of bags, by cases and classes."""

import numpy as np
import pytest

from attention_zoo import datasets
from attention_zoo.datasets.bags.folds import folds, train_validation_test


def test_folds_keep_cases_whole_and_classes_alike():
    rng = np.random.default_rng(0)
    cases = rng.integers(40, size=200).astype(str)
    labels = (cases.astype(int) % 2).astype(int)
    of = folds(labels, cases, 5, seed=1)
    for case in set(cases):
        assert len(set(of[cases == case])) == 1
    shares = [labels[of == k].mean() for k in range(5)]
    assert max(shares) - min(shares) < 0.2
    assert (of != folds(labels, cases, 5, seed=2)).any()


def test_every_bag_is_tested_once_and_the_splits_are_a_partition():
    labels, cases = np.arange(60) % 2, np.arange(60).astype(str)
    tested = []
    for fold in range(6):
        rows = train_validation_test(labels, cases, count=6, fold=fold, repeat=0, validation=1 / 6)
        assert [len(rows[name]) for name in ("train", "validation", "test")] == [40, 10, 10]
        assert sorted(np.concatenate(list(rows.values()))) == list(range(60))
        assert all(labels[some].mean() == 0.5 for some in rows.values())
        tested += rows["test"].tolist()
    assert sorted(tested) == list(range(60))
    assert "validation" not in train_validation_test(
        labels, cases, count=6, fold=0, repeat=0, validation=0
    )


@pytest.mark.parametrize(("count", "fold"), [(1, 0), (7, 0), (3, 3)])
def test_folds_that_there_are_not(count, fold):
    with pytest.raises(ValueError, match="^(folds|fold) is "):
        train_validation_test(
            [0, 1] * 3, list("abcdef"), count=count, fold=fold, repeat=0, validation=0
        )


def test_more_folds_than_a_class_has_bags_are_refused_in_our_words():
    message = "^folds is 5, expected 2 to 4: there are 7 cases, and 4 bags of the commonest class$"
    with pytest.raises(ValueError, match=message):
        folds([0, 1, 0, 1, 0, 1, 0], list("abcdefg"), 5, seed=0)
    cases = [f"p{i // 4}" for i in range(12)]
    with pytest.raises(ValueError, match="^folds is 4, expected 2 to 3: there are 3 cases, and 6"):
        folds([0, 1] * 6, cases, 4, seed=0)


def test_of_few_patients_the_validation_split_is_at_least_one():
    """A tenth of eight patients would be less; the folds are not to blame for it."""
    cases = [f"p{i // 3}" for i in range(24)]
    rows = train_validation_test([0, 1, 0, 1] * 6, cases, count=4, fold=0, repeat=0, validation=0.1)
    patients = {name: len({cases[i] for i in some}) for name, some in rows.items()}
    assert patients == {"train": 5, "validation": 1, "test": 2}


def test_what_leaves_no_bags_for_validation_is_said_of_validation():
    message = "^validation is 0.1, expected 0: beside fold 0 of 2 there are 2 bags of 1 cases, whic"
    with pytest.raises(ValueError, match=message):
        train_validation_test(
            [0, 1, 0, 1], ["a", "a", "b", "b"], count=2, fold=0, repeat=0, validation=0.1
        )


def test_a_fold_is_a_data_set_too(tmp_path):
    path = tmp_path / "bags.csv"
    path.write_text("".join(f"{i % 2},b{i},{i}\n" for i in range(12)))
    _, whole = datasets.load("bags/csv", "all", data_dir=str(path))
    options = {"data_dir": str(path), "folds": 3, "fold": 2, "repeat": 1}
    rows = train_validation_test(
        whole.source.labels, whole.source.cases, count=3, fold=2, repeat=1, validation=0
    )
    for split in ("train", "test"):
        info = datasets.load("bags/csv", split, **options)[1]
        assert info.source.names == whole.source.rows(rows[split]).names and info.split == split
    with pytest.raises(ValueError, match=r"^split is 'all' of a fold, expected .*'test', 'train'"):
        datasets.load("bags/csv", "all", **options)
    with pytest.raises(ValueError, match="^fold is 2 without folds, expected their number too"):
        datasets.load("bags/csv", "all", **options | {"folds": None})
