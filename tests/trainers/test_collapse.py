"""A run whose attention collapses says so, while it trains, in its results and on its page."""

import json

import keras
import pytest

import attention_zoo as az
from attention_zoo.callbacks import warn_on_collapse
from attention_zoo.tasks import MosaicsTask
from attention_zoo.training import run as run_module
from attention_zoo.training.run import build_model

SETTINGS = {
    "network": "linear",
    "attention": "lvml",
    "num_examples": 96,
    "num_test_examples": 64,
    "batch_size": 32,
    "epochs": 2,
    "learning_rate": 1e-6,
}


@pytest.fixture
def collapsed_weights(tmp_path):
    """A file of weights: scores are large, the classifier says the same of everything."""
    splits = {"train": az.datasets.load("sdc/digits", num_examples=8)[1]}
    model = build_model(MosaicsTask(), MosaicsTask.config(network="linear"), splits)
    kernel = model.focus.layers[-1].kernel
    kernel.assign(1e3 * keras.random.normal(kernel.shape, seed=0))
    for variable in model.classifier.layers[-1].variables:
        variable.assign(0.0 * variable)
    model.save_weights(tmp_path / "collapsed.weights.h5")
    return str(tmp_path / "collapsed.weights.h5")


@pytest.mark.usefixtures("no_saved_model")
def test_a_collapsed_run_is_no_ordinary_success(collapsed_weights, tmp_path, monkeypatch, caplog):
    """Also where it was broken off after the training: what is said then was known before."""
    settings = SETTINGS | {"initial_weights": collapsed_weights}
    with monkeypatch.context() as patch:
        patch.setattr(run_module, "on_one_replica", _interrupt)
        with (
            pytest.warns(UserWarning, match="attention has collapsed by epoch 1"),
            pytest.raises(KeyboardInterrupt),
        ):
            az.train("mosaics", tmp_path / "run", **settings)
    az.train("mosaics", tmp_path / "run", **settings)
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["collapsed_epoch"] == 1
    said = "attention is one-hot at the loss of chance since epoch 1"
    assert said in (tmp_path / "run" / "report.html").read_text()
    assert f"{said} (docs/collapse.md)" in caplog.text


@pytest.mark.usefixtures("no_saved_model")
def test_scores_that_ran_away_stand_in_the_results_and_on_the_page(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(warn_on_collapse, "_UNDERFLOW", 1e-9)  # any scores are far apart
    with pytest.warns(UserWarning, match="scores have run away since epoch 1"):
        az.train("mosaics", tmp_path / "run", **SETTINGS | {"learning_rate": 0.01})
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert results["saturated_epoch"] == 1 and "dead_epoch" not in results
    said = "the scores have run away since epoch 1"
    assert said in (tmp_path / "run" / "report.html").read_text()
    assert f"{said} (docs/collapse.md)" in caplog.text


def _interrupt(model):
    raise KeyboardInterrupt
