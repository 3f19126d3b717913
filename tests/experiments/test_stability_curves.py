"""What is measured while a run may collapse, and on mosaics drawn anew of training images."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from attention_zoo import datasets
from attention_zoo.evaluation import evaluate
from attention_zoo.models import FocusClassifier, networks
from experiments import stability_curves
from experiments.reproduction import figures, training_images
from experiments.reproduction.data_requirements import Places
from experiments.reproduction.job import comparison
from experiments.reproduction.outcome import TRAINERS, outlook, run_suite
from experiments.reproduction.runs import TEST, TRAINING, Run, comparisons
from experiments.stability_curves import SEED, StabilityCurves, momentum_norms


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
    assert logs.pop("seconds") > 0.0 < others.pop("seconds")
    assert logs == others
    found = model.evaluate(curves._mosaics.dataset(300), verbose=0, return_dict=True)
    for name in ("focus_accuracy", "label_accuracy", "focus_entropy"):
        np.testing.assert_allclose(logs[f"paper_{name}"], found[name], rtol=1e-5)
    own = evaluate(model, curves._mosaics.dataset(300))
    figures = own.focus_accuracy, own.ways["soft"].accuracy, own.entropy
    for name, figure in zip(("focus_accuracy", "label_accuracy", "focus_entropy"), figures):
        np.testing.assert_allclose(logs[f"paper_{name}"], figure, rtol=1e-5)
    assert logs["focus_momentum"] == 0.0 < logs["focus_gradient"]


def test_the_seconds_of_an_epoch_leave_breaks_out(monkeypatch):
    clock = iter([0.0, 10.0, 13.0, 500.0, 502.0])
    monkeypatch.setattr(stability_curves, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    curves = StabilityCurves()
    curves.on_epoch_begin(0)
    state = curves.get_state()  # three seconds into the epoch
    curves.set_state(state)
    assert curves._elapsed() == 5.0


@pytest.mark.slow
def test_a_hybrid_is_measured_in_both_of_its_phases(tmp_path):
    small = {"num_segments": 3, "num_examples": 128, "num_test_examples": 64, "batch_size": 64}
    small |= {"dataset": "sdc/digits", "epochs": 2, "switch_epoch": 1, "attention": "hybrid"}
    TRAINERS["sdc_curves"].train(tmp_path / "run", **small)
    curves = Run(None, tmp_path / "run").curves
    assert len(curves["focus_gradient"]) == 2 and (curves["focus_gradient"] > 0.0).all()


@pytest.mark.slow
def test_a_run_is_compared_on_both_kinds_of_test_mosaics(tmp_path):
    """Those of training images against `evaluate` of mosaics that are drawn here."""
    small = {"num_examples": 256, "num_test_examples": 64, "epochs": 2, "batch_size": 64}
    (job,) = comparison(
        "m3",
        trainer="sdc_curves",
        data="digits",
        seeds=(0,),
        rows=("soft",),
        dataset="sdc/digits",
        num_segments=3,
        **small,
    )
    (outcome,) = run_suite([job], tmp_path, Places(), workers=1).values()
    assert outcome.state == "done", outcome.reason
    run = Run(job, tmp_path / job.name)
    curves = run.curves
    assert (curves["focus_momentum"] > 0.0).all() and "score_max" in curves

    on = {one.condition.images: one for one in comparisons([run])}
    assert list(on) == [TEST, TRAINING]
    assert on[TEST].focus("soft")[0] is curves["val_focus_accuracy"]
    assert on[TRAINING].focus("soft")[0] is curves["paper_focus_accuracy"]
    assert on[TRAINING].name == "digits m\u00a0=\u00a03, training images"

    panels = figures.learning_curves(list(on.values()), "label_accuracy").axes
    lines = [[line.get_ydata() for line in ax.lines] for ax in panels]
    columns = [["val_label_accuracy"], ["paper_label_accuracy", "label_accuracy"]]
    for found, names in zip(lines, columns, strict=True):
        np.testing.assert_allclose(found, [100 * curves[name] for name in names])

    (panel,) = figures.score_ranges([on[TEST]]).axes
    np.testing.assert_array_equal(panel.lines[0].get_ydata(), curves["score_range"])

    drawn = {"num_segments": 3, "num_examples": 64, "seed": SEED}
    info = datasets.load("sdc/digits", run.config["train_split"], **drawn)[1]
    model = keras.saving.load_model(run.folder / "model.keras")
    expected = evaluate(model, info.source.dataset(64)).scalars()
    assert on[TRAINING].final("soft", "soft_accuracy")[0] == pytest.approx(
        expected["soft_accuracy"], abs=1e-6
    )
    kept = run.folder / training_images.NAME
    before = kept.read_bytes()
    kept.unlink()  # ended just before it was measured
    assert outlook(job, tmp_path, Places()).state == "to run" and not kept.exists()
    done = run_suite([job], tmp_path, Places(), 1, str)
    assert done[job.name].state == "done" and kept.read_bytes() == before
