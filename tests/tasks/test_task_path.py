"""A task by the path of its class: in commands, in sweeps and in the folders of runs."""

import json
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
import pytest

import attention_zoo as az
from attention_zoo.tasks import registry
from attention_zoo.trainers import evaluate, sweep
from attention_zoo.training import sweep as sweeps
from attention_zoo.training import task_path

OWN = Path(__file__).parent / "own"
PATH = "sensors:SensorsTask"


def read(workdir, name):
    return json.loads((workdir / name).read_text())


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (
            "nowhere:Task",
            "whose module cannot be imported .No module named 'nowhere'., expected .*:Class of a "
            "module that is installed or, for a command, in the present folder$",
        ),
        ("sensors:Nothing", "expected the path of a class that inherits from Task$"),
        ("sensors:recordings", "expected the path of a class that inherits from Task$"),
        ("attention_zoo.tasks:Task", "which cannot be made .*abstract.*, expected a class that"),
        ("sensors", "expected one of .*'bags', .*, package.module:Class or a Task$"),
        ("sensors:Task; x", "expected one of"),
    ],
)
@pytest.mark.usefixtures("not_imported")
def test_a_path_that_is_none_of_a_task_is_refused_in_a_line(path, message):
    with pytest.raises(ValueError, match=f"^task is {path!r}, {message}") as error:
        registry.get(path)
    assert "\n" not in str(error.value)


def test_a_run_of_a_class_that_is_imported_is_evaluated_by_itself(sensors_run, sensors):
    assert read(sensors_run, "about.json")["class"] == PATH
    assert az.tasks.evaluate_finished(sensors_run).num_examples == 32


@pytest.mark.usefixtures("not_imported")
def test_another_process_is_told_to_name_the_task(sensors_run):
    with pytest.raises(ValueError, match=f"of your own, 'sensors', .*: expected --task={PATH}, or"):
        az.tasks.evaluate_finished(sensors_run)
    assert "sensors" not in sys.modules
    assert az.tasks.evaluate_finished(sensors_run, task=PATH).num_examples == 32


@pytest.mark.parametrize(
    "about",
    [
        {"task": "hostile:Task"},
        {"task": "sensors", "class": "hostile:Task"},
        {"task": "mosaics", "class": "hostile:Task"},
        {"task": "sensors", "class": "hostile"},
        {"task": "sensors", "class": "os:system"},
    ],
)
def test_a_folder_has_nothing_imported(sensors_run, tmp_path, monkeypatch, about):
    (tmp_path / "hostile.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("config.json", "results.json"):
        (tmp_path / name).write_bytes((sensors_run / name).read_bytes())
    (tmp_path / "about.json").write_text(json.dumps(about))
    with pytest.raises(ValueError, match="no folder is trusted to say what is imported"):
        az.tasks.evaluate_finished(tmp_path)
    assert "hostile" not in sys.modules


def test_what_is_imported_and_no_task_is_none():
    for path in ("os:system", "json:loads", "attention_zoo:__name__", "nowhere:X", None, ":", ""):
        assert task_path.imported_task(path) is None


def test_a_class_of_the_script_that_runs_has_the_path_of_an_import(sensors, monkeypatch):
    class Here(sensors.SensorsTask):
        __module__, __qualname__ = "__main__", "Here"

    script = types.ModuleType("__main__")
    script.Here, script.__file__ = Here, "/somewhere/script.py"
    monkeypatch.setitem(sys.modules, "__main__", script)
    for spec, path in ((None, "script:Here"), (types.SimpleNamespace(name="a.b"), "a.b:Here")):
        script.__spec__ = spec
        assert task_path.path_of(Here) == path
        assert type(task_path.imported_task(path)) is Here


def test_the_command_evaluates_a_run_of_a_task_in_the_present_folder(
    sensors_run, monkeypatch, capsys
):
    monkeypatch.chdir(OWN)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "sensors", raising=False)
    given = {"data_dir": None, "test_split": None}
    evaluate.main(run=str(sensors_run), task=PATH, split="validation", **given)
    assert capsys.readouterr().out.startswith("validation: 32 examples")
    sys.modules.pop("sensors")


@pytest.mark.usefixtures("not_imported")
def test_the_sweep_command_has_the_flags_of_the_task(capsys):
    command = sweep.program([f"--task={PATH}", "--gain=1,2", "--dry_run"])
    assert "--gain: Of the sensors; 2 if unset." in command.usage()
    assert "--protocol" not in command.usage() and "Recordings:" in command.usage()
    texts = dict.fromkeys(("epochs", "seed"), None) | {"gain": "1,2"}
    command.main(task=PATH, folder="runs", workers=1, only=None, dry_run=True, **texts)
    assert capsys.readouterr().out == "0 gain=1.0\n1 gain=2.0\n"
    assert "--gain" not in sweep.program(["--task"]).usage()  # said where flags are read
    with pytest.raises(ValueError, match="^task is 'sensors', expected one of .*:Class$"):
        sweep.COMMAND.main(task="sensors", folder="", workers=1, only=None, dry_run=True)


def test_a_finished_sweep_of_settled_settings_is_finished(sensors, tmp_path, monkeypatch):
    ran = []

    def run(function, workdir, settings, log, threads, stop):
        ran.append(workdir.name)
        function(str(workdir), **settings)
        return ""

    monkeypatch.setattr(sweeps, "run_in_process", run)
    for _ in range(2):
        assert az.sweep(sensors.SensorsTask(), tmp_path, {"seed": [0]}) == {"seed=0": ""}
    assert ran == ["seed=0"] and read(tmp_path / "seed=0", "config.json")["gain"] == 2.0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"attention": az.layers.LVMLAttention()}, "attention of a sweep is a LVMLAttention, expe"),
        ({"optimizer": 3}, "optimizer of a sweep is a int, expected a name: every run is a proc"),
        ({"data": np.zeros(3)}, "data is given to a sweep, expected settings alone: every run"),
        ({"callbacks": []}, "callbacks is given to a sweep, expected settings alone: every run"),
    ],
)
def test_what_a_process_of_its_own_cannot_have_is_refused(sensors, tmp_path, given, message):
    ((name, value),) = given.items()
    for grid, settings in (({"seed": [0]}, given), ({name: [value]}, {})):
        with pytest.raises(ValueError, match=f"^{message}"):
            az.sweep(sensors.SensorsTask(), tmp_path / "s", grid, **settings)
    assert not (tmp_path / "s").exists()


@pytest.mark.slow
def test_the_commands_run_a_task_in_the_present_folder(tmp_path):
    """From start to end, in processes of their own: a sweep's jobs have others again."""

    def command(name, *flags):
        line = [sys.executable, "-m", f"attention_zoo.trainers.{name}", f"--task={PATH}", *flags]
        done = subprocess.run(line, capture_output=True, text=True, cwd=OWN, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "2 of 2 runs done" in command("sweep", f"--folder={tmp_path}", "--seed=0:2")
    assert command("evaluate", f"--run={tmp_path}/seed=1").startswith("test: 32 examples")
