import errno
import gc
import json
import os
import re
import subprocess
import sys
import types

import pytest

from attention_zoo.training import folder_lock
from attention_zoo.training.workdir import Workdir

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


@pytest.mark.parametrize(
    ("more", "refused"),
    [
        ({"schedule": "cosine", "warmup": None}, True),
        ({"schedule": None, "warmup": 0.1}, True),
        ({"schedule": "constant", "warmup": None}, False),
    ],
)
def test_a_schedule_up_to_the_last_step_allows_no_more_epochs(tmp_path, more, refused):
    settings = SETTINGS | {"epochs": 1} | more
    Workdir(tmp_path, settings).write("checkpoints/step-1", lambda path: path.mkdir(), folder=True)
    if not refused:
        Workdir(tmp_path, settings | {"epochs": 3})
        return
    with pytest.raises(ValueError, match=r"other settings \(epochs: 1 before, 3 now\)$"):
        Workdir(tmp_path, settings | {"epochs": 3})


def begun(folder, data):
    """A run that has a checkpoint."""
    run = Workdir(folder, SETTINGS, data=data)
    run.write("checkpoints/step-1", lambda path: path.mkdir(), folder=True)


@pytest.mark.parametrize("writes", [True, False])
def test_a_run_goes_on_with_its_own_data_only(tmp_path, writes):
    begun(tmp_path, {"train": "a", "test": "b"})
    Workdir(tmp_path, SETTINGS, writes, {"train": "a", "test": "b"})
    message = r"holds a run on other data \(train changed since it began\), expected the same: put"
    with pytest.raises(ValueError, match=message):
        Workdir(tmp_path, SETTINGS, writes, {"train": "x", "test": "b"})
    with pytest.raises(ValueError, match=r"other data \(test, vectors changed"):
        Workdir(tmp_path, SETTINGS, writes, {"train": "a", "vectors": "c"})
    assert json.loads((tmp_path / "data.json").read_text()) == {"train": "a", "test": "b"}


def test_a_run_without_checkpoint_may_be_started_on_other_data(tmp_path):
    for data in ({"train": "a"}, {"train": "b"}):
        Workdir(tmp_path, SETTINGS, data=data)
        assert json.loads((tmp_path / "data.json").read_text()) == data


def test_a_run_of_an_earlier_version_notes_its_data_from_now_on(tmp_path):
    begun(tmp_path, None)
    Workdir(tmp_path, SETTINGS, data={"train": "a"})
    with pytest.raises(ValueError, match="other data"):
        Workdir(tmp_path, SETTINGS, data={"train": "b"})


@pytest.mark.parametrize("text", ["", "[]", "[" * 100_000])
def test_a_damaged_note_of_the_data_is_one_line(tmp_path, text):
    begun(tmp_path, {"train": "a"})
    (tmp_path / "data.json").write_text(text)
    with pytest.raises(ValueError, match="has a data.json that is .*, expected a new") as error:
        Workdir(tmp_path, SETTINGS, data={"train": "a"})
    assert "\n" not in str(error.value)


def test_a_folder_with_other_files_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(ValueError, match="has files but no config.json"):
        Workdir(tmp_path, SETTINGS)
    assert os.listdir(tmp_path) == ["thesis.tex"]


@pytest.mark.parametrize("writes", [True, False])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"name": "app"}', "other names than this run's .'name' is in one of them., expected a"),
        ('{"rate": 0.1}', "other names than this run's .'names' is in one of them., expected"),
        ("[1, 2]", "has a config.json that is a list, expected a new or empty folder"),
        ("null", "has a config.json that is a NoneType, expected"),
        ("rate: 0.1", "has a config.json that is no JSON .Expecting value.*., expected"),
        ("", "has a config.json that is no JSON"),
        ("[" * 100_000, "has a config.json that is no JSON .it is nested too deeply., expected"),
    ],
)
def test_a_config_of_something_else_is_refused_and_left_alone(tmp_path, text, message, writes):
    """Whatever else is there, were its name like one of ours."""
    (tmp_path / "config.json").write_text(text)
    for name in (".writing-notes", ".removing-notes"):
        (tmp_path / name).write_text("mine")
    with pytest.raises(ValueError, match=message) as error:
        Workdir(tmp_path, SETTINGS, writes=writes)
    assert str(error.value).startswith(f"workdir {tmp_path} ") and "\n" not in str(error.value)
    assert sorted(os.listdir(tmp_path)) == [".removing-notes", ".writing-notes", "config.json"]
    assert (tmp_path / "config.json").read_text() == text


def test_nothing_is_cleared_up_where_the_run_is_another(tmp_path):
    Workdir(tmp_path, SETTINGS).write("checkpoints/step-1", lambda path: path.mkdir(), folder=True)
    (tmp_path / "checkpoints/.writing-step-2").mkdir()
    with pytest.raises(ValueError, match="other settings"):
        Workdir(tmp_path, SETTINGS | {"rate": 0.2})
    assert (tmp_path / "checkpoints/.writing-step-2").exists()
    (tmp_path / "other").mkdir()
    (tmp_path / "other/.writing-model").write_text("mine")
    with pytest.raises(ValueError, match=r"has files but no config\.json"):
        Workdir(tmp_path / "other", SETTINGS)
    assert os.listdir(tmp_path / "other") == [".writing-model"]


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
    assert sorted(os.listdir(tmp_path)) == [".lock", "checkpoints", "config.json"]
    assert not os.listdir(tmp_path / "checkpoints")


def test_a_worker_that_does_not_write_leaves_the_folder_alone(tmp_path):
    run = Workdir(tmp_path / "run", SETTINGS, writes=False)
    called = []
    run.write("model", lambda path: (called.append(path), _folder(path, "x")), folder=True)
    run.write_text("note", "x")
    assert len(called) == 1 and not called[0].exists()
    assert not (tmp_path / "run").exists()


def test_a_worker_that_does_not_write_refuses_what_the_writer_refuses(tmp_path):
    Workdir(tmp_path, SETTINGS).write("checkpoints/step-1", lambda path: path.mkdir(), folder=True)
    before = sorted(tmp_path.rglob("*"))
    Workdir(tmp_path, SETTINGS, writes=False)
    with pytest.raises(ValueError, match=r"other settings \(rate: 0.1 before, 0.2 now\)$"):
        Workdir(tmp_path, SETTINGS | {"rate": 0.2}, writes=False)
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign/thesis.tex").write_text("mine")
    with pytest.raises(ValueError, match=r"has files but no config\.json"):
        Workdir(tmp_path / "foreign", SETTINGS, writes=False)
    assert sorted(tmp_path.glob("[!f]*")) == [path for path in before if path.parent == tmp_path]


# One process at a time


HOLD = """
import fcntl, sys
file = open(sys.argv[1], "a")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_a_folder_in_use_by_another_process_is_refused_until_it_is_killed(tmp_path):
    pytest.importorskip("fcntl")
    (tmp_path / ".lock").touch()  # alone it makes no foreign folder
    command = [sys.executable, "-c", HOLD, str(tmp_path / ".lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        message = "^workdir .* is in use by another process, expected one at a time$"
        with pytest.raises(ValueError, match=message):
            Workdir(tmp_path, SETTINGS)
        assert os.listdir(tmp_path) == [".lock"]
        Workdir(tmp_path, SETTINGS, writes=False)
        other.kill()
        other.wait()
    Workdir(tmp_path, SETTINGS)


def test_runs_of_one_process_share_the_folder(tmp_path, is_locked):
    first = Workdir(tmp_path, SETTINGS)
    second = Workdir(tmp_path / "." / "", SETTINGS)
    del first
    assert is_locked(tmp_path)
    del second
    gc.collect(1)  # of what is young
    assert not is_locked(tmp_path)


def test_as_a_context_it_keeps_others_out_until_its_end(tmp_path, is_locked):
    with Workdir(tmp_path, SETTINGS) as run:
        assert is_locked(tmp_path)
    assert run and not is_locked(tmp_path)


@pytest.mark.parametrize("missing", ["module", "support"])
def test_where_there_are_no_locks_it_goes_without(tmp_path, monkeypatch, missing):
    def flock(descriptor, operation):
        raise OSError(errno.ENOSYS, "no locks here")

    fcntl = types.SimpleNamespace(flock=flock, LOCK_EX=2, LOCK_NB=4)
    monkeypatch.setattr(folder_lock, "fcntl", None if missing == "module" else fcntl)
    Workdir(tmp_path, SETTINGS).write_text("note", "x")
    assert (tmp_path / "note").exists()


def test_a_name_is_on_the_disk_once_it_is_written(tmp_path, monkeypatch):
    """After the move the folder is flushed, before it all that is moved."""
    run = Workdir(tmp_path, SETTINGS)
    flushed = []

    def fsync(descriptor):
        inode = os.fstat(descriptor).st_ino
        moved = (tmp_path / "checkpoints/model").exists()
        flushed.append((inode, moved))

    monkeypatch.setattr(os, "fsync", fsync)
    run.write("checkpoints/model", lambda path: _folder(path, "x"), folder=True)
    names = ("checkpoints/model", "checkpoints/model/file", "checkpoints")
    model, file, parent = ((tmp_path / name).stat().st_ino for name in names)
    assert flushed == [(model, False), (file, False), (parent, True)]


def test_removed_and_put_aside(tmp_path):
    run = Workdir(tmp_path, SETTINGS)
    for name in ("one", "two"):
        run.write(name, lambda path: _folder(path, "x"), folder=True)
    run.remove(tmp_path / "one")
    run.put_aside(tmp_path / "two")
    assert sorted(os.listdir(tmp_path)) == [".lock", "checkpoints", "config.json", "two.damaged"]


def _folder(path, text):
    path.mkdir()
    (path / "file").write_text(text)


def test_metrics_come_back_as_numbers(tmp_path):
    run = Workdir(tmp_path, SETTINGS)
    assert run.read_metrics() == []
    rows = [{"epoch": 1, "loss": 0.1}, {"epoch": 2, "loss": 1e-9}]
    run.write_metrics(rows)
    assert run.read_metrics() == rows


def test_a_finished_run_without_checkpoints_is_no_room_for_another(tmp_path):
    """Somebody may have removed them to save disk."""
    Workdir(tmp_path, SETTINGS, data={"train": "a"}).write_text("results.json", "{}")
    Workdir(tmp_path, SETTINGS, data={"train": "a"})
    with pytest.raises(ValueError, match="other settings .rate: 0.1 before, 0.2 now"):
        Workdir(tmp_path, SETTINGS | {"rate": 0.2}, data={"train": "a"})
    with pytest.raises(ValueError, match="other data"):
        Workdir(tmp_path, SETTINGS, data={"train": "b"})


@pytest.mark.parametrize(("frozen", "goes_on"), [(0, True), (1, True), (2, False), (3, False)])
def test_an_encoder_frozen_in_all_epochs_has_no_optimizer_to_go_on_with(tmp_path, frozen, goes_on):
    settings = SETTINGS | {"epochs": 2, "frozen_epochs": frozen}
    Workdir(tmp_path, settings).write("checkpoints/step-1", lambda path: path.mkdir(), folder=True)
    (tmp_path / "results.json").write_text("{}")
    if goes_on:
        Workdir(tmp_path, settings | {"epochs": 5}).go_on()
    else:
        with pytest.raises(ValueError, match="epochs: 2 before, 5 now"):
            Workdir(tmp_path, settings | {"epochs": 5})
    assert (tmp_path / "results.json").exists() != goes_on


def test_a_figure_may_come_late_or_be_missing(tmp_path):
    rows = [{"epoch": 1, "first": 0.5}, {"epoch": 2, "late": float("nan")}, {"epoch": 3}]
    run = Workdir(tmp_path, SETTINGS)
    run.write_metrics(rows)
    assert str(run.read_metrics()) == str(rows)


def test_texts_are_utf_8_with_their_own_line_ends(tmp_path):
    Workdir(tmp_path, SETTINGS).write_text("predictions.csv", "猫\r\n")
    assert (tmp_path / "predictions.csv").read_bytes() == "猫\r\n".encode()


def test_what_an_optimizer_object_decides_is_no_setting_of_the_run(tmp_path):
    """Earlier versions wrote the task's default of it beside the object."""
    settings = SETTINGS | {"optimizer": {"class_name": "SGD"}, "ema_momentum": 0.98}
    Workdir(tmp_path, settings).write("checkpoints/step-1", lambda path: path.mkdir(), folder=True)
    Workdir(tmp_path, settings | {"ema_momentum": None})
    with pytest.raises(ValueError, match="optimizer: "):
        Workdir(tmp_path, settings | {"optimizer": {"class_name": "Adam"}})


@pytest.mark.parametrize("begun", [None, "checkpoints/step-1", "results.json"])
def test_what_an_attempt_left_goes_with_it_and_what_a_run_left_stays(tmp_path, begun):
    run = Workdir(tmp_path, SETTINGS)
    run.write_text("about.json", "{}")
    run.write("tensorboard", lambda path: _folder(path, "events"), folder=True)
    if begun is not None:
        (tmp_path / begun).mkdir()
    for writes in (False, True):
        Workdir(tmp_path, SETTINGS, writes)
        stay = begun is not None or not writes
        assert (tmp_path / "about.json").exists() == stay
        assert (tmp_path / "tensorboard").exists() == stay


def test_a_finished_run_without_checkpoints_gets_no_more_epochs(tmp_path):
    """It would begin anew."""
    Workdir(tmp_path, SETTINGS | {"epochs": 2}).write_text("results.json", "{}")
    with pytest.raises(ValueError, match=r"other settings \(epochs: 2 before, 3 now\)$"):
        Workdir(tmp_path, SETTINGS | {"epochs": 3})
    assert (tmp_path / "results.json").exists()
