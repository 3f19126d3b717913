"""The study of measures: its AUC by enumeration, its tables, one tiny model from end to end."""

import itertools
import json
import sys

import numpy as np
import pytest

from experiments import believe
from experiments.belief import models, tables


def test_auc_is_the_share_of_pairs_in_order():
    rng = np.random.default_rng(0)
    positive, score = rng.random(20) < 0.4, rng.integers(5, size=20).astype(float)
    score[3] = np.nan
    pairs = [
        (score[i] > score[j]) + (score[i] == score[j]) / 2
        for i, j in itertools.product(range(20), repeat=2)
        if positive[i] and not positive[j] and not np.isnan(score[i] + score[j])
    ]
    assert tables.auc(positive, score) == pytest.approx(np.mean(pairs))
    assert np.isnan(tables.auc([True, True], [0.1, 0.2]))


def found(true, **measures):
    """Numbers of examples as `measured.measure` gives them; what is not given is one constant."""
    n = len(true)
    every = dict.fromkeys(tables.SIGNS, np.full(n, 0.5)) | {
        "right": np.ones(n),
        "labels": np.zeros(n, int),
        "nll": np.zeros(n),
        "attention_mass": np.asarray(true, float),
        "focus": np.zeros(n, int),
        "ece": np.array(0.1),
        "brier": np.array(0.2),
        "aurc": np.array(0.3),
    }
    return every | {"focus_true": np.asarray(true, float)} | measures


def test_a_measure_that_knows_the_truth_has_all_of_the_area():
    true = np.array([1.0, 0.0, 1.0, 0.0, np.nan])
    numbers = found(true, comprehensiveness=true, sufficiency=true)
    by_measure = tables.of_examples(numbers)
    assert by_measure["comprehensiveness"] == 1.0
    assert by_measure["sufficiency"] == 0.0  # more of it speaks against
    assert by_measure["flip_rate"] == 0.5
    right = tables.of_examples(numbers | {"right": np.array([1, 1, 0, 0, 1])}, right_alone=True)
    assert right["comprehensiveness"] == 1.0


def test_models_are_told_apart_by_their_means():
    good, bad = found(np.ones(4)), found(np.array([1.0, 0, 0, 0]))
    good = good | {"certainty": np.ones(4)}
    by_measure = tables.between_models({"good": [good], "bad": [bad]})
    assert by_measure["certainty"] == 1.0
    assert by_measure["flip_rate"] == 0.5


def test_every_kind_is_trained_with_every_seed():
    study = models.of_study()
    assert len(study) == len({one.name for one in study}) == 3 * (3 * 5 + 3) + 4
    assert {one.data for one in study} == {"digits", "bags", "cifar10", "presets"}
    assert len(models.of_study(["bags"], seeds=1)) == 5


@pytest.mark.slow
def test_from_nothing_to_the_page(tmp_path, monkeypatch):
    small = {"num_examples": 64, "num_test_examples": 40, "epochs": 2, "batch_size": 32}
    monkeypatch.setattr(models, "DATA", {"digits": ("mosaics", small)})
    monkeypatch.setattr(believe, "DATA", models.DATA)
    monkeypatch.setattr(models, "PARADIGMS", ("soft",))
    monkeypatch.setattr(models, "NORMALIZERS", ())
    folder = tmp_path / "study"
    arguments = ["believe", f"--folder={folder}", "--data", "digits", "--seeds", "2"]
    monkeypatch.setattr(sys, "argv", arguments)
    believe.main()
    page = (folder / "belief.md").read_text("utf-8")
    assert "## digits" in page
    assert page.count("| soft |") >= 4
    seeds = json.loads((folder / "models" / "digits_soft_softmax_of_2.json").read_text())
    assert set(seeds) == {"rank_correlation", "same_segment"}
    written = {path: path.stat().st_mtime_ns for path in (folder / "models").iterdir()}
    believe.main()  # goes on: there is nothing left to do
    assert {path: path.stat().st_mtime_ns for path in (folder / "models").iterdir()} == written


def test_all_seeds_that_were_measured_are_in_the_tables(tmp_path):
    (tmp_path / "models").mkdir()
    for seed in range(5):
        np.savez(tmp_path / f"models/bags_soft_softmax_{seed}.npz", seed=seed)
    (found,) = believe._measured(tmp_path, seeds=5)["bags"].values()
    assert [int(one["seed"]) for one in found] == list(range(5))
