"""The paper's own scale, at a tiny one: what is measured on the way."""

import csv

import keras
import numpy as np
import pytest
import tensorflow as tf

from attention_zoo.evaluation import evaluate
from attention_zoo.models import FocusClassifier, networks
from experiments import paper_scale
from experiments.stability_curves import StabilityCurves, momentum_norms


def test_every_row_and_seed_is_a_job():
    names = [job.name for job in paper_scale.jobs_of(range(2))]
    assert len(names) == len(set(names)) == 18
    assert names[0] == "soft_0.02_0"


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    focus, classifier = networks("digits", (8, 8, 1), 3)
    model = FocusClassifier(focus, classifier, "soft")
    model.build((None, 5, 8, 8, 1))
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9))
    return model


def test_momentum_after_one_step_is_the_rate_times_the_gradient(model):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(16, 5, 8, 8, 1)).astype("float32")
    y = {"label": rng.integers(3, size=16), "focus": rng.integers(5, size=16)}
    with tf.GradientTape() as tape:
        loss = model.compute_loss(x, y, model(x, training=True))
    gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
    count = len(model.focus.trainable_variables)
    expected = [
        0.1 * float(tf.linalg.global_norm(g)) for g in (gradients[:count], gradients[count:])
    ]
    model.train_on_batch(x, y)
    assert [v.path for v in model.trainable_variables[:count]] == [
        v.path for v in model.focus.trainable_variables
    ]
    np.testing.assert_allclose(momentum_norms(model), expected, rtol=1e-4)


def test_curves_are_those_of_fresh_mosaics(model, tmp_path):
    """Against `evaluate` of the same mosaics, Keras's and the package's own."""
    curves = StabilityCurves(num_examples=300, dataset="sdc/digits", split="train[:50%]")
    again = StabilityCurves(**curves.get_config())
    for callback in (curves, again):
        callback.set_model(model)
        callback.on_train_begin()
        callback.on_epoch_begin(0)
    model.evaluate(curves._mosaics.dataset(300), verbose=0)  # builds the optimizer's variables too
    model.optimizer.build(model.trainable_variables)
    logs, others = {}, {}
    curves.on_epoch_end(0, logs)
    again.on_epoch_end(0, others)
    assert logs == others
    found = model.evaluate(curves._mosaics.dataset(300), verbose=0, return_dict=True)
    for name in ("focus_accuracy", "label_accuracy", "focus_entropy"):
        np.testing.assert_allclose(logs[f"paper_{name}"], found[name], rtol=1e-5)
    own = evaluate(model, curves._mosaics.dataset(300))
    figures = own.focus_accuracy, own.ways["soft"].accuracy, own.entropy
    for name, figure in zip(("focus_accuracy", "label_accuracy", "focus_entropy"), figures):
        np.testing.assert_allclose(logs[f"paper_{name}"], figure, rtol=1e-5)
    assert logs["focus_momentum"] == 0.0 < logs["focus_gradient"]


@pytest.mark.slow
def test_a_run_has_the_curves(tmp_path, monkeypatch):
    monkeypatch.setattr(
        paper_scale,
        "StabilityCurves",
        lambda data_dir, num_segments: StabilityCurves(None, num_segments, 64, "sdc/digits"),
    )
    small = {"num_examples": 128, "num_test_examples": 64, "epochs": 1, "batch_size": 64}
    settings = paper_scale.COMMON | small | {"dataset": "sdc/digits", "data_dir": None}
    settings |= {"mixed_precision": "none", "checkpoint_steps": 2}
    trainer = paper_scale.trainer_with_curves(**settings)
    (job, *_) = paper_scale.jobs_of([0])
    trainer.train(tmp_path / "run", **job.settings)
    (row,) = csv.DictReader((tmp_path / "run" / "metrics.csv").read_text().splitlines())
    assert {"paper_focus_accuracy", "val_focus_accuracy", "score_max"} <= row.keys()
    assert float(row["focus_momentum"]) > 0.0
