"""Cross-validation of bags: folds, and what they are made of."""

import csv
import json

import h5py
import numpy as np
import pytest
from support.bags import TINY, bags_of_vectors, write_csv

import attention_zoo as az
from attention_zoo.tasks.bags.config import BagsConfig
from attention_zoo.tasks.bags.task import BagsTask


def fold_figures(folder):
    return {p.stem: json.loads(p.read_text())["figures"] for p in folder.glob("repeat=*.json")}


@pytest.mark.usefixtures("no_saved_model")
def test_a_fold_is_what_a_run_with_its_settings_gives(tmp_path):
    """The second fold of the second repeat, trained by a step that others were trained by."""
    settings = TINY | write_csv(tmp_path / "bags.csv", bags_of_vectors())
    settings |= {"validation": 0.2, "keep": "loss"}
    az.tasks.cross_validate(tmp_path / "cv", folds=2, repeats=2, tell=str, **settings)
    run = {"folds": 2, "fold": 1, "repeat": 1, "seed": 1}
    found = az.train("bags", tmp_path / "run", **settings, **run)["test"].scalars()
    for name, value in fold_figures(tmp_path / "cv")["repeat=1,fold=1"].items():
        assert value == pytest.approx(found[name], abs=1e-6), name


@pytest.mark.parametrize(
    ("keep", "sizes"),
    [
        ("last", {"train": 18, "test": 6}),
        ("loss", {"train": 15, "validation": 3, "test": 6}),
    ],
)
def test_validation_bags_are_cut_only_where_they_choose_an_epoch(
    keep, sizes, tmp_path, monkeypatch
):
    def check(self, config, splits):
        found = {name: len(split.source) for name, split in splits.items()}
        raise AssertionError(f"cut into {found}")

    monkeypatch.setattr(BagsTask, "check", check)
    options = {"data": bags_of_vectors(), "folds": 4, "tell": str} | TINY
    with pytest.raises(AssertionError, match=f"^cut into {sizes}$"):
        az.tasks.cross_validate(tmp_path, keep=keep, **options)


@pytest.mark.parametrize(
    "settings",
    [
        {"warmup": 0.3, "schedule": "linear"},
        pytest.param({"frozen_epochs": 1, "encoder_learning_rate": 0.01}, marks=pytest.mark.slow),
    ],
)
@pytest.mark.usefixtures("no_saved_model")
def test_a_fold_with_other_steps_has_its_own_schedule(settings, tmp_path):
    """Of 23 bags in three folds two train on 15, one on 16; a step more with 4 bags a step."""
    settings = (
        TINY | settings | {"data_dir": None} | write_csv(tmp_path / "b.csv", bags_of_vectors(23))
    )
    settings |= {"validation": 0.0, "epochs": 3}
    az.tasks.cross_validate(tmp_path / "cv", folds=3, tell=str, **settings)
    found = az.train("bags", tmp_path / "run", folds=3, fold=2, **settings)["test"].scalars()
    for name, value in fold_figures(tmp_path / "cv")["repeat=0,fold=2"].items():
        assert value == pytest.approx(found[name], abs=1e-6), name


def test_folds_that_are_done_are_not_done_again(tmp_path):
    told = []

    def tell(line):
        told.append(line)
        if len(told) == 2:
            raise KeyboardInterrupt

    source = bags_of_vectors()
    options = {"data": source, "folds": 3, "validation": 0.0, "attention": "hybrid"} | TINY
    with pytest.raises(KeyboardInterrupt):
        az.tasks.cross_validate(tmp_path / "cv", tell=tell, **options)
    found = az.tasks.cross_validate(tmp_path / "cv", tell=told.append, **options)
    assert [line.split(":")[0] for line in told] == [f"repeat=0,fold={i}" for i in range(3)]
    unbroken = az.tasks.cross_validate(tmp_path / "unbroken", tell=str, **options)
    assert found == unbroken
    config = tmp_path / "cv" / "config.json"  # as earlier versions wrote no decay
    config.write_text(json.dumps(json.loads(config.read_text()) | {"weight_decay": None}))
    assert az.tasks.cross_validate(tmp_path / "cv", tell=str, **options) == found
    with pytest.raises(ValueError, match="holds folds with epochs 2, expected 3: move it away"):
        az.tasks.cross_validate(tmp_path / "cv", tell=str, **options | {"epochs": 3})
    other = options | {"data": bags_of_vectors(seed=1)}
    with pytest.raises(ValueError, match="holds folds with bags "):
        az.tasks.cross_validate(tmp_path / "cv", tell=str, **other)
    _check_sums(tmp_path / "cv", found, source)


def _check_sums(folder, found, source):
    """Means and standard errors are those of the folds; every bag is predicted once."""
    by_fold = list(fold_figures(folder).values())
    values = [figures["argmax_accuracy"] for figures in by_fold]
    mean, error, count = found.figures["argmax_accuracy"]
    assert mean == pytest.approx(np.mean(values)) and count == 3
    assert error == pytest.approx(np.std(values, ddof=1) / 3**0.5)
    assert found.figures["num_left_out"] == (0.0, 0.0, 3)  # 0 is known, and counts in the mean
    assert "focus true (FT): " in found.table() and "3 folds, by argmax" in found.table()
    with (folder / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["bag"] for row in rows) == sorted(source.names)
    assert all(row["label"] == str(source.labels[int(row["bag"])]) for row in rows)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fold": 1}, "^fold is given, expected folds and repeats"),
        ({"repeats": 0}, "^repeats is 0, expected 1 or more"),
        ({"folds": 25}, "^folds is 25, expected 2 to 12: there are 24 cases, and 12 bags of the c"),
        (
            {"validation": 0.2},
            "^validation is 0.2 with keep 'last', expected 0, or keep 'accuracy'",
        ),
        ({"epoch": 1}, "^unknown setting 'epoch'"),
        ({"data_dir": "elsewhere"}, "^data_dir is given beside data, expected one of them$"),
        ({"data": None}, "^dataset is 'bags/digits', expected one of .*'bags/csv'"),
    ],
)
def test_what_cannot_be_cross_validated(settings, message, tmp_path):
    options = {"data": bags_of_vectors(), "folds": 3, "validation": 0.0} | TINY | settings
    with pytest.raises(ValueError, match=message):
        az.tasks.cross_validate(tmp_path, **options)


@pytest.mark.parametrize("attention", ["mean", "max", "instance_max"])
def test_floors_are_trained_by_the_same_trainer(attention, tmp_path):
    options = {"data": bags_of_vectors(), "folds": 2, "validation": 0.0} | TINY
    found = az.tasks.cross_validate(tmp_path, tell=str, attention=attention, **options)
    assert found.way_to_predict == "soft" and 0 <= found.scalars()["soft_auroc"] <= 1


def test_a_cut_is_refused_where_labels_csv_has_splits(tmp_path):
    for name in "abc":
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            file["features"] = np.ones((3, 2))
    (tmp_path / "labels.csv").write_text("slide,label,split\na,x,train\nb,y,train\nc,x,test\n")
    settings = {"dataset": "bags/slides", "data_dir": str(tmp_path)}
    for more, words in (
        (
            {"validation": 0.1},
            "^validation is 0.1 with the splits of labels.csv, expected it unset",
        ),
        ({"fold": 1}, "^fold is 1 with the splits of labels.csv, expected it unset"),
        ({"num_examples": 3}, "^num_examples is 3 with dataset 'bags/slides', expected it unset"),
    ):
        with pytest.raises(ValueError, match=words):
            az.train("bags", tmp_path / "run", epochs=1, batch_size=2, **settings | more)
    for more in ({}, {"validation": 0.0}):
        task, config = BagsTask(), BagsConfig(**settings | more)
        splits = task.load(config)
        task.check(config, splits)
        assert {name: len(one.source) for name, one in splits.items()} == {"train": 2, "test": 1}


@pytest.mark.parametrize("has_splits", [True, False])
def test_folds_that_pass_over_the_splits_of_labels_csv_say_so(tmp_path, caplog, has_splits):
    lines = ["slide,label,split" if has_splits else "slide,label"]
    for number in range(8):
        with h5py.File(tmp_path / f"s{number}.h5", "w") as file:
            file["features"] = np.ones((3, 2))
        split = ",test" if number < 2 else ",train"
        lines.append(f"s{number},{number % 2}" + split * has_splits)
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n")
    config = BagsConfig(dataset="bags/slides", data_dir=str(tmp_path), folds=4, validation=0.0)
    sizes = {name: len(one.source) for name, one in BagsTask().load(config).items()}
    assert sizes == {"train": 6, "test": 2}
    said = "folds is 4: bags are cut anew, the splits of labels.csv (train, test) are passed over"
    assert (said in caplog.text) == has_splits


def test_drawn_bags_that_are_brought_along_are_cut_into_folds(tmp_path):
    info = az.datasets.load("bags/digits", num_examples=24)[1]
    found = az.tasks.cross_validate(tmp_path, data=info, folds=2, tell=str, **TINY | {"epochs": 1})
    assert found.folds == 2
    assert json.loads((tmp_path / "config.json").read_text())["dataset"] == "own data"
