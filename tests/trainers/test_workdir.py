import json
import os
import re

import keras
import numpy as np
import pytest

from attention_zoo.trainers.workdir import Workdir

SETTINGS = {"rate": 0.1, "names": ["a", "b"], "split": None}


@pytest.fixture
def model():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), loss="mse")
    model.optimizer.build(model.trainable_variables)
    return model


def set_all(model, value):
    for variable in model.trainable_variables + model.optimizer.variables:
        variable.assign(np.full(variable.shape, value, dtype=variable.dtype))


def state(model):
    variables = model.trainable_variables + model.optimizer.variables
    return np.concatenate([np.ravel(variable.numpy()) for variable in variables])


def test_a_checkpoint_gives_weights_and_optimizer_back(tmp_path, model):
    run = Workdir(tmp_path / "run", SETTINGS)
    assert run.restore_checkpoint(model) == 0
    for epoch in (1, 2, 3):
        set_all(model, epoch)
        run.save_checkpoint(model, epoch, keep=2)
    set_all(model, 0)
    assert run.restore_checkpoint(model) == 3
    np.testing.assert_array_equal(state(model), 3.0)
    files = sorted(path.name for path in (tmp_path / "run/checkpoints").iterdir())
    assert files == ["epoch-0002.weights.h5", "epoch-0003.weights.h5"]


def test_a_truncated_checkpoint_falls_back_to_the_one_before(tmp_path, model):
    run = Workdir(tmp_path, SETTINGS)
    for epoch in (1, 2):
        set_all(model, epoch)
        run.save_checkpoint(model, epoch, keep=2)
    newest = run.newest_checkpoint()
    newest.write_bytes(newest.read_bytes()[:2000])
    with pytest.warns(UserWarning, match=r"checkpoint .*epoch-0002.* cannot be read"):
        assert run.restore_checkpoint(model) == 1
    np.testing.assert_array_equal(state(model), 1.0)


def test_the_same_settings_open_a_run_again_and_others_are_refused(tmp_path, model):
    Workdir(tmp_path, SETTINGS).save_checkpoint(model, 1, keep=1)
    Workdir(tmp_path, SETTINGS)
    message = r"holds a run with other settings \(rate: 0.1 before, 0.2 now\)$"
    with pytest.raises(ValueError, match=message):
        Workdir(tmp_path, SETTINGS | {"rate": 0.2})
    assert json.loads((tmp_path / "config.json").read_text()) == SETTINGS


def test_a_run_without_checkpoint_may_be_started_with_other_settings(tmp_path):
    Workdir(tmp_path, SETTINGS)
    Workdir(tmp_path, SETTINGS | {"rate": 0.2})
    assert json.loads((tmp_path / "config.json").read_text())["rate"] == 0.2


def test_a_folder_with_other_files_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(ValueError, match="has files but no config.json"):
        Workdir(tmp_path, SETTINGS)
    assert os.listdir(tmp_path) == ["thesis.tex"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    message = f"^workdir {re.escape(str(tmp_path / 'file' / 'run'))} cannot be written"
    with pytest.raises(ValueError, match=message):
        Workdir(tmp_path / "file" / "run", SETTINGS)


def test_a_writer_that_fails_leaves_the_old_file(tmp_path):
    run = Workdir(tmp_path, SETTINGS)
    run.write_text("results.json", "old")

    def half(path):
        path.write_text("ne")
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        run.write("results.json", half)
    assert (tmp_path / "results.json").read_text() == "old"


def test_folders_replace_folders(tmp_path):
    run = Workdir(tmp_path, SETTINGS)
    for text in ("old", "new"):
        run.write("model", lambda path, text=text: _folder(path, text), folder=True)
    assert (tmp_path / "model/file").read_text() == "new"
    assert not list(tmp_path.glob(".writing*"))


def _folder(path, text):
    path.mkdir()
    (path / "file").write_text(text)


def test_metrics_come_back_as_numbers(tmp_path):
    run = Workdir(tmp_path, SETTINGS)
    assert run.read_metrics() == []
    rows = [{"epoch": 1, "loss": 0.1}, {"epoch": 2, "loss": 1e-9}]
    run.write_metrics(rows)
    assert run.read_metrics() == rows
