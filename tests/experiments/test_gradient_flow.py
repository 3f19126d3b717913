import dataclasses
import json

import numpy as np
import pytest
from matplotlib.image import imread

from attention_zoo import dynamics
from attention_zoo.training.workdir import Workdir
from experiments import gradient_flow

TINY = {"epochs": 3, "num_examples": 20, "num_segments": 3, "num_classes": 2}
QUICK = {"jit_compile": "false"}  # to compile takes longer than so few steps
SHORT = {"epochs": 1_000, "learning_rate": 0.1, "switch_epoch": 300, "num_examples": 60} | QUICK


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """To time 100, when a is 0.9 under hard attention and 0.85 under soft."""
    workdir = tmp_path_factory.mktemp("runs") / "flow"
    return workdir, gradient_flow.train_and_evaluate(workdir, **SHORT)


def test_trained_networks_follow_the_theory(finished):
    """A step of 0.1 is ten times the default; still below 1 %."""
    results = finished[1]
    assert set(results["deviation"]) == {"soft", "hard", "lvml", "hybrid"}
    assert results["largest_deviation"] < 0.01
    assert results["largest_deviation"] == max(
        figure for of_one in results["deviation"].values() for figure in of_one.values()
    )


@pytest.mark.slow
def test_trained_networks_follow_the_theory_at_full_length(tmp_path):
    """The second command of the trainer: 20 segments, 20 classes, learning rate 0.01."""
    settings = {"num_segments": 20, "num_classes": 20, "learning_rate": 0.01}
    results = gradient_flow.train_and_evaluate(tmp_path, **settings)
    assert set(results["deviation"]) == {"soft", "hard", "lvml", "hybrid"}
    for of_one in results["deviation"].values():
        assert set(of_one) >= {"mu", "nu"} and max(of_one.values()) < 0.02


def test_the_workdir_is_complete(finished):
    workdir, results = finished
    names = {path.name for path in workdir.iterdir() if not path.name.startswith(".")}
    assert names == {
        "config.json",
        "metrics.csv",
        "checkpoints",
        "phase_portrait.png",
        "about.json",
        "report.html",
        "results.json",
    }
    assert json.loads((workdir / "results.json").read_text()) == results
    config = json.loads((workdir / "config.json").read_text())
    assert config == dataclasses.asdict(gradient_flow.Settings(**SHORT))
    assert imread(workdir / "phase_portrait.png").shape[1] == 900


def test_the_curves_are_written_beside_the_theory(finished):
    workdir, results = finished
    rows = Workdir(workdir, dataclasses.asdict(gradient_flow.Settings(**SHORT))).read_metrics()
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    epochs = columns["epoch"]
    assert epochs[0] == 0 and epochs[-1] == 1_000 and 300 in epochs
    np.testing.assert_allclose(columns["time"], 0.1 * epochs)
    theory = dynamics.trajectory("lvml", num_segments=5, num_classes=3, times=0.1 * epochs)
    np.testing.assert_allclose(columns["lvml_nu_theory"], theory.nu)
    assert abs(columns["lvml_nu"] - theory.nu).max() / theory.nu.max() == pytest.approx(
        results["deviation"]["lvml"]["nu"]
    )
    early = epochs <= 300
    np.testing.assert_array_equal(columns["hybrid_mu"][early], columns["soft_mu"][early])
    assert columns["hybrid_nu"][-1] > columns["soft_nu"][-1] + 0.5
    np.testing.assert_allclose(
        columns["hard_attention"], columns["hard_attention_theory"], atol=0.01
    )


def test_a_finished_run_can_be_run_again(tmp_path):
    """It has no checkpoints; with other settings it would be written over."""
    first, again = (gradient_flow.train_and_evaluate(tmp_path, **TINY, **QUICK) for _ in "ab")
    assert first == again == json.loads((tmp_path / "results.json").read_text())
    with pytest.raises(
        ValueError, match=r"holds a run with other settings \(seed: 0 before, 1 now"
    ):
        gradient_flow.train_and_evaluate(tmp_path, **TINY | {"seed": 1}, **QUICK)
    assert json.loads((tmp_path / "results.json").read_text()) == first


def test_hybrid_switches_when_theory_has_it_best():
    """At half of the run where that is earlier."""
    assert gradient_flow._switch_epoch(gradient_flow.Settings()) == 3386
    assert gradient_flow._switch_epoch(gradient_flow.Settings(**TINY)) == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_segments": 1}, "^num_segments is 1, expected 2 or more$"),
        ({"num_classes": 1}, "^num_classes is 1, expected 2 or more$"),
        ({"learning_rate": 0.0}, "^learning_rate is 0.0, expected a number above 0$"),
        ({"epochs": 10, "switch_epoch": 11}, "^switch_epoch is 11, expected 10 or less"),
        ({"num_classes": 50, "num_examples": 50}, "^num_examples is 50, expected more: none is of"),
        ({"momentum": 0.9}, "^unknown setting 'momentum', expected some of"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_written(settings, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        gradient_flow.train_and_evaluate(tmp_path / "run", **settings)
    assert not (tmp_path / "run").exists()


def test_a_run_that_diverges_says_where(tmp_path):
    with pytest.raises(FloatingPointError, match="^soft attention has .* at epoch 1, expected"):
        gradient_flow.train_and_evaluate(tmp_path, **TINY | {"learning_rate": 1e39}, **QUICK)
    assert not (tmp_path / "results.json").exists()


def test_the_table_has_a_row_of_percents_for_each_attention():
    deviation = {"soft": {"mu": 0.01, "nu": 0.002}, "hard": {"mu": 0.0, "nu": 1.0}}
    table = gradient_flow.table({"deviation": deviation})
    assert "| soft | 1.00 | 0.20 |\n| hard | 0.00 | 100.00 |" in table


@pytest.mark.parametrize("attention", ["soft", "hybrid"])
def test_what_is_measured_of_weights_on_the_curve(linear, attention):
    """u = nu on every class, W = mu (1 - 1/C) on the diagonal; background is zero."""
    mu, nu, c = 1.7, 0.8, 3
    u, w = np.append(np.full(c, nu), 5.0), np.vstack([mu * (np.eye(c) - 1 / c), np.ones(c)])
    labels, focus = np.array([0, 1, 2, 2]), np.array([3, 0, 1, 2])
    segments = np.zeros((4, 4, c + 1), "float32")
    segments[np.arange(4), focus, labels] = 1.0
    found = gradient_flow.order_parameters(linear(u, w, attention), segments, labels, focus)
    a, b = np.exp(nu) / (np.exp(nu) + 3), np.exp(mu) / (np.exp(mu) + 2)
    np.testing.assert_allclose(found, (mu, nu, a, b), rtol=1e-6)
