import dataclasses
import json
import os
import signal

import keras
import numpy as np
import pytest

from attention_zoo import datasets
from attention_zoo.training import checkpoints
from attention_zoo.training.checkpoints import find_checkpoints
from attention_zoo.training.preemption import Preempted
from attention_zoo.training.workdir import Workdir
from experiments import fixed_focus
from experiments.fixed_focus import RecordDrives, summary, table
from experiments.held_focus import settings as held

TINY = {"num_examples": 96, "batch_size": 32, "epochs": 2, "alphas": "0.2,0.6,1.0"}
TINY |= {"dataset": "orthogonal", "learning_rate": 0.5}
IMAGES = TINY | {"dataset": "sdc/digits"}


def rows(workdir):
    """metrics.csv: {(epoch, attention, alpha): (loss, drive, derivative)}."""
    head, *lines = (workdir / "metrics.csv").read_text().splitlines()
    assert head == "epoch,attention,alpha,loss,drive,derivative"
    split = [line.split(",") for line in lines]
    return {(int(e), name, float(a)): np.array(x, float) for e, name, a, *x in split}


def final_weights(workdir):
    """Of the model and its optimizer."""
    settings = fixed_focus.completed(fixed_focus.make(fixed_focus.Settings, TINY))
    model = fixed_focus.build_model(settings, fixed_focus._load(settings))
    model.optimizer.build(model.trainable_variables)
    model.load_weights(find_checkpoints(workdir / "checkpoints")[0] / "model.weights.h5")
    return [variable.numpy() for variable in [*model.variables, *model.optimizer.variables]]


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("runs") / "fixed_focus"
    return workdir, fixed_focus.train_and_evaluate(workdir, **TINY)


def test_the_workdir_is_complete(finished):
    workdir, results = finished
    names = {path.name for path in workdir.iterdir() if not path.name.startswith(".")}
    assert names == {
        "config.json",
        "data.json",
        "metrics.csv",
        "tensorboard",
        "checkpoints",
        "fixed_focus.png",
        "about.json",
        "report.html",
        "results.json",
    }
    assert json.loads((workdir / "results.json").read_text()) == results
    config = json.loads((workdir / "config.json").read_text())
    assert config == dataclasses.asdict(fixed_focus.completed(fixed_focus.Settings(**TINY)))


def test_there_is_a_row_for_each_epoch_loss_and_alpha(finished):
    found = rows(finished[0])
    assert list(found) == [
        (epoch, attention, alpha)
        for epoch in (0, 1, 2)
        for attention in ("soft", "hard", "lvml")
        for alpha in (0.2, 0.6, 1.0)
    ]
    for attention in ("soft", "hard", "lvml"):
        losses = [found[epoch, attention, 1.0][0] for epoch in (0, 1, 2)]
        assert losses[0] == pytest.approx(np.log(20), abs=1e-5)
        assert losses[0] > losses[1] > losses[2]


def test_results_are_the_figures_at_chosen_epochs(finished):
    workdir, results = finished
    found = rows(workdir)
    drives = results["lvml"]["0.6"]["drive"]
    assert drives == {str(e): found[e, "lvml", 0.6][1] for e in (0, 1, 2)}
    lines = table(results).splitlines()
    assert len(lines) == 10
    assert lines[8] == f"lvml, alpha = 0.6     {drives['0']:12.6f}{drives['1']:12.6f}" + (
        f"{drives['2']:12.6f}"
    )


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("together")
    fixed_focus.train_and_evaluate(workdir, **IMAGES)
    return rows(workdir)


@pytest.mark.parametrize(("attention", "alpha"), [("soft", 0.2), ("hard", 0.6), ("lvml", 1.0)])
def test_a_network_alone_learns_as_among_the_others(attention, alpha, together, tmp_path):
    fixed_focus.train_and_evaluate(
        tmp_path, **(IMAGES | {"attention": attention, "alphas": str(alpha)})
    )
    alone = rows(tmp_path)
    assert len(alone) == 3
    for key, figures in alone.items():
        np.testing.assert_allclose(figures, together[key], atol=1e-5)


def test_under_xla_it_learns_the_same(tmp_path, finished):
    settings = TINY | {"jit_compile": "true", "alphas": "0.6,1.0", "attention": "hard,lvml"}
    fixed_focus.train_and_evaluate(tmp_path, **settings)
    without = rows(finished[0])
    for key, figures in rows(tmp_path).items():
        np.testing.assert_allclose(figures, without[key], atol=1e-5)


def test_figures_are_of_the_probe(tmp_path):
    """Before training: of the first 40 mosaics, in batches of 32 and 8."""
    settings = IMAGES | {"num_probe_examples": 40, "epochs": 1, "attention": "hard,lvml"}
    fixed_focus.train_and_evaluate(tmp_path, **settings)
    chosen = fixed_focus.completed(fixed_focus.Settings(**settings))
    keras.utils.set_random_seed(chosen.seed)
    info = fixed_focus._load(chosen)
    model = fixed_focus.build_model(chosen, info)
    probe = fixed_focus.true_segment_first(info.source).head(40)
    want = model.measure(probe.gather(probe.table), probe.labels)
    got = [figures for (epoch, *_), figures in rows(tmp_path).items() if epoch == 0]
    np.testing.assert_allclose(np.transpose(got), np.reshape(want, (3, -1)), atol=1e-5)


def test_momentum_reaches_the_optimizer():
    chosen = fixed_focus.completed(fixed_focus.Settings(**TINY, momentum=0.5))
    model = fixed_focus.build_model(chosen, fixed_focus._load(chosen))
    assert (model.optimizer.momentum, float(model.optimizer.learning_rate)) == (0.5, 1.0)


def test_the_true_segment_is_first():
    source = datasets.load("sdc/digits", num_segments=3, num_examples=50)[1].source
    first = fixed_focus.true_segment_first(source)
    np.testing.assert_array_equal(first.table[:, 0], source.table[np.arange(50), source.focus])
    np.testing.assert_array_equal(np.sort(first.table), np.sort(source.table))
    np.testing.assert_array_equal(first.focus, 0)
    assert source.focus.any()


def test_a_broken_off_run_goes_on_to_the_same_end(finished, tmp_path, monkeypatch):
    """Broken off when the second epoch is in metrics.csv and its checkpoint being written."""
    save = checkpoints.save_weights

    def break_off(model, path):
        if "step-00000006" in str(path):
            raise KeyboardInterrupt
        save(model, path)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "save_weights", break_off)
        with pytest.raises(KeyboardInterrupt):
            fixed_focus.train_and_evaluate(tmp_path, **TINY)
    assert max(epoch for epoch, *_ in rows(tmp_path)) == 2
    fixed_focus.train_and_evaluate(tmp_path, **TINY)
    _assert_same(tmp_path, finished[0])


def test_sigterm_saves_and_the_same_command_goes_on(finished, tmp_path, monkeypatch):
    """The signal comes in the middle of the second epoch."""

    def terminate(self, epoch, logs=None):
        if epoch == 1:
            os.kill(os.getpid(), signal.SIGTERM)

    settings = TINY | {"steps_per_call": 1, "checkpoint_steps": 99}
    with monkeypatch.context() as patch:
        patch.setattr(RecordDrives, "on_epoch_begin", terminate)
        with pytest.raises(Preempted, match="^SIGTERM: saved in .*, expected the same command"):
            fixed_focus.train_and_evaluate(tmp_path, **settings)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000004"]
    assert not (tmp_path / "results.json").exists()
    fixed_focus.train_and_evaluate(tmp_path, **settings)
    _assert_same(tmp_path, finished[0])


def _assert_same(one, other):
    for name in ("metrics.csv", "results.json"):
        assert (one / name).read_text() == (other / name).read_text()
    for a, b in zip(final_weights(one), final_weights(other), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"attention": "soft,warm"}, "^attention is 'soft,warm', expected some of soft,hard,lvml$"),
        ({"attention": "soft,soft"}, "^attention is 'soft,soft', expected some of"),
        ({"attention": ""}, "^attention is '', expected some of"),
        ({"alphas": "0,0.5"}, "^alphas is '0,0.5', expected different numbers above 0 and up to 1"),
        ({"alphas": "0.5,1.5"}, "^alphas is '0.5,1.5', expected"),
        ({"alphas": "0.5,nan"}, "^alphas is '0.5,nan', expected"),
        ({"alphas": "0.5,half"}, "^alphas is '0.5,half', expected"),
        ({"alphas": "0.5,0.50"}, "^alphas is '0.5,0.50', expected"),
        ({"alphas": ""}, "^alphas is '', expected"),
        ({"num_segments": 1}, "^num_segments is 1, expected 2 or more$"),
        ({"batch_size": 97}, "^batch_size is 97, expected 96 or less, the training examples$"),
        ({"num_probe_examples": 97}, "^num_probe_examples is 97, expected 96 or less"),
        ({"hard_learning_rate": 0.0}, "^hard_learning_rate is 0.0, expected a number above 0$"),
        ({"dataset": "sdc/cifar"}, "data set 'sdc/cifar' is unknown, expected one of"),
        ({"network": "cifar10"}, "network 'cifar10' does not fit segments of shape"),
        ({"switch_epoch": 1}, "^unknown setting 'switch_epoch', expected some of"),
    ],
)
def test_bad_settings_are_one_line_errors_and_leave_nothing(settings, message, tmp_path):
    with pytest.raises(ValueError, match=message) as error:
        fixed_focus.train_and_evaluate(tmp_path / "run", **(TINY | settings))
    assert "\n" not in str(error.value)
    assert not (tmp_path / "run").exists()


def test_other_settings_are_refused_a_folder_in_use(finished):
    with pytest.raises(ValueError, match="holds a run with other settings .*alphas"):
        fixed_focus.train_and_evaluate(finished[0], **(TINY | {"alphas": "0.5"}))


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path):
    with pytest.raises(FloatingPointError, match="at epoch 1, by step"):
        fixed_focus.train_and_evaluate(tmp_path, **(IMAGES | {"learning_rate": 1e30}))
    assert not list((tmp_path / "checkpoints").iterdir())


@pytest.mark.parametrize(
    ("dataset", "rates"),
    [
        ("sdc/cifar10", [0.004, 0.01, 0.05]),
        ("sdc/cifar100", [0.004, 0.01, 0.004]),
        ("orthogonal", [0.05, 0.01, 0.05]),
    ],
)
def test_unset_settings_are_the_paper_s(dataset, rates):
    chosen = fixed_focus.completed(fixed_focus.Settings(dataset=dataset))
    assert held.learning_rates(chosen) == rates
    assert (chosen.momentum, chosen.batch_size, chosen.epochs) == (0.9, 256, 100)
    of_vectors = dataset == "orthogonal"
    assert (chosen.num_segments, chosen.num_examples) == (
        (20, 5_000) if of_vectors else (5, 10_000)
    )
    assert held.alphas(chosen) == [0.2, 0.4, 0.6, 0.8, 1.0]


def test_alphas_may_come_in_any_order():
    assert held.alphas(fixed_focus.Settings(alphas="1,0.5,.25")) == [0.25, 0.5, 1.0]


def test_one_rate_is_for_all_losses_but_those_with_their_own():
    settings = fixed_focus.Settings(learning_rate=0.3, lvml_learning_rate=0.1)
    rates = held.learning_rates(fixed_focus.completed(settings))
    assert rates == [0.3, 0.3, 0.1]


@pytest.mark.parametrize("text", [None, "", "epoch,loss\n1,2\n", "epoch\n"])
def test_lost_or_damaged_drives_are_one_line(text, tmp_path):
    run = Workdir(tmp_path, {})
    if text is not None:
        (tmp_path / "metrics.csv").write_text(text)
    with pytest.raises(ValueError, match=r"metrics\.csv (cannot be read|is damaged).*, expected"):
        summary(run)
