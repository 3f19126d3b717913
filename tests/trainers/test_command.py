import importlib
import signal
import types
import warnings

import pytest
import tensorflow as tf
from absl import app

from attention_zoo.trainers import command
from attention_zoo.trainers.command import TERMINATED, Command
from attention_zoo.training.preemption import Preempted


@pytest.fixture
def parsed(monkeypatch):
    """Flags as if they were parsed: absl has one set of them for all trainers of a process."""
    given = types.SimpleNamespace(FLAGS=types.SimpleNamespace(workdir="runs/here"))
    monkeypatch.setattr(command, "flags", given)
    monkeypatch.setattr(command, "from_flags", lambda settings: {"epochs": 5})


def test_flags_become_settings_and_the_report_is_printed(parsed, capsys):
    def train(workdir, **settings):
        return workdir, settings

    Command(train, object, "runs/x", lambda results: f"found {results}").main(["program"])
    expected = "found ('runs/here', {'epochs': 5})\n\nwritten to runs/here\n"
    assert capsys.readouterr().out == expected


def test_a_warning_is_one_line(capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = command.show_warning
        warnings.warn("attention has\n collapsed", stacklevel=1)
    assert capsys.readouterr().err == "warning: attention has collapsed\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ValueError("epochs is 0, expected 1 or more\nand more"), "error: epochs is 0, expected"),
        (FileNotFoundError("no data in x, expected it"), "error: no data in x, expected it"),
        (FloatingPointError("loss is nan"), "error: loss is nan"),
        (tf.errors.InternalError(None, None, "out of luck"), "error: out of luck"),
        (MemoryError(), "error: memory is not enough (MemoryError), expected less data"),
        (Preempted("saved"), TERMINATED),
        (Preempted("saved", signal.SIGINT), 130),
        (Preempted("saved", signal.SIGHUP), 129),
        (KeyboardInterrupt(), 130),
    ],
)
def test_a_run_that_fails_ends_with_a_code_or_one_line(error, code, parsed, capsys):
    def train(workdir, **settings):
        raise error

    with pytest.raises(SystemExit) as ended:
        Command(train, object, "runs/x", str).main(["program"])
    found = ended.value.code
    assert found == code if isinstance(code, int) else found.startswith(code) and "\n" not in found
    assert capsys.readouterr().out == ""


def test_a_mistake_of_ours_keeps_its_traceback(parsed):
    with pytest.raises(ZeroDivisionError):
        Command(lambda workdir, epochs: 1 / 0, object, "runs/x", str).main(["program"])


def test_arguments_that_are_no_flags_are_refused(parsed):
    with pytest.raises(app.UsageError, match="^unknown arguments .*, expected flags only$"):
        Command(dict, object, "runs/x", str).main(["program", "fast"])


@pytest.mark.parametrize(
    "name",
    [
        *(f"attention_zoo.trainers.{name}" for name in ("captions", "hatexplain", "make_preset")),
        "attention_zoo.trainers.sdc",
        *(f"experiments.{name}" for name in ("fixed_focus", "gradient_flow", "reproduce")),
    ],
)
def test_every_trainer_is_such_a_command(name):
    trainer = importlib.import_module(name)
    assert isinstance(trainer.COMMAND, Command)
    assert trainer.run == trainer.COMMAND.run
