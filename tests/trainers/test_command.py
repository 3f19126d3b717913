import dataclasses
import importlib
import signal

import pytest

from attention_zoo._settings import setting
from attention_zoo.trainers.command import Command
from attention_zoo.training.preemption import Preempted


@dataclasses.dataclass(frozen=True)
class Settings:
    """Training."""

    epochs: int = setting(5, "Passes over the data.", least=1)


def test_flags_become_settings_and_the_report_is_printed(capsys):
    def train(workdir, **settings):
        return workdir, settings

    Command(train, Settings, "runs/x", lambda results: f"found {results}").main(
        workdir="runs/here", epochs=5
    )
    expected = "found ('runs/here', {'epochs': 5})\n\nwritten to runs/here\n"
    assert capsys.readouterr().out == expected


def test_the_last_line_names_the_page_where_there_is_one(tmp_path, capsys):
    (tmp_path / "report.html").touch()
    Command(lambda workdir: "done", Settings, "runs/x", str).main(workdir=str(tmp_path))
    assert capsys.readouterr().out.splitlines()[-1] == f"written to {tmp_path}/report.html"


def test_the_folder_is_a_flag_in_the_group_of_the_run():
    command = Command(dict, Settings, "runs/x", str, "About.", flag="preset", help="Where to.")
    assert "The run:\n  --preset: Where to.\n    (default: 'runs/x')" in command.program.usage()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Preempted("saved"), 128 + signal.SIGTERM),
        (Preempted("saved", signal.SIGINT), 130),
        (Preempted("saved", signal.SIGHUP), 129),
    ],
)
def test_a_run_that_is_preempted_ends_with_the_code_of_its_signal(error, code, capsys):
    def train(workdir, **settings):
        raise error

    with pytest.raises(SystemExit) as ended:
        Command(train, Settings, "runs/x", str).main(workdir="runs/x")
    assert ended.value.code == code
    assert capsys.readouterr().out == ""


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
