import json
import os
import re

import pytest

from attention_zoo.trainers.workdir import Workdir

SETTINGS = {"rate": 0.1, "names": ["a", "b"], "split": None}


def test_the_same_settings_open_a_run_again_and_others_are_refused(tmp_path):
    Workdir(tmp_path, SETTINGS).write("checkpoints/step-1", lambda path: path.mkdir(), folder=True)
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


def test_what_a_killed_process_left_is_cleared_up(tmp_path):
    """Killed while config.json, a checkpoint and saved_model/ were written or removed."""
    (tmp_path / ".writing-config.json").write_text("{")
    Workdir(tmp_path, SETTINGS)
    for name in (".writing-saved_model", "checkpoints/.removing-step-1"):
        (tmp_path / name).mkdir()
    Workdir(tmp_path, SETTINGS)
    assert sorted(os.listdir(tmp_path)) == ["checkpoints", "config.json"]
    assert not os.listdir(tmp_path / "checkpoints")


def test_a_worker_that_does_not_write_leaves_the_folder_alone(tmp_path):
    run = Workdir(tmp_path / "run", SETTINGS, writes=False)
    called = []
    run.write("model", lambda path: (called.append(path), _folder(path, "x")), folder=True)
    run.write_text("note", "x")
    assert len(called) == 1 and not called[0].exists()
    assert not (tmp_path / "run").exists()


def test_removed_and_put_aside(tmp_path):
    run = Workdir(tmp_path, SETTINGS)
    for name in ("one", "two"):
        run.write(name, lambda path: _folder(path, "x"), folder=True)
    run.remove(tmp_path / "one")
    run.put_aside(tmp_path / "two")
    assert sorted(os.listdir(tmp_path)) == ["checkpoints", "config.json", "two.damaged"]


def _folder(path, text):
    path.mkdir()
    (path / "file").write_text(text)


def test_metrics_come_back_as_numbers(tmp_path):
    run = Workdir(tmp_path, SETTINGS)
    assert run.read_metrics() == []
    rows = [{"epoch": 1, "loss": 0.1}, {"epoch": 2, "loss": 1e-9}]
    run.write_metrics(rows)
    assert run.read_metrics() == rows
