"""Programs: help at once and without TensorFlow, errors in one line, no chatter."""

import dataclasses
import importlib
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import tensorflow as tf
from absl import flags

from attention_zoo import _program
from attention_zoo._program import Program, ends_in_one_line
from attention_zoo._settings import setting

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = [
    "report",
    "serving",
    "trainers.bags",
    "trainers.captions",
    "trainers.evaluate",
    "trainers.hatexplain",
    "trainers.make_preset",
    "trainers.sdc",
    "trainers.sweep",
]

MAIN = {"report": "report.__main__", "serving": "serving.main"}  # where their COMMAND is


@dataclasses.dataclass(frozen=True)
class Settings:
    """Training."""

    epochs: int = setting(5, "Passes over the data.", least=1)
    rate: float = setting(0.5, "A rate.", above=0)
    place: str | None = setting(None, "A place.", path=True)


@dataclasses.dataclass(frozen=True)
class More:
    """The rest."""

    name: str = setting("x", "A name.")


def arguments_of(*arguments, takes=""):
    """What `main` is given."""
    program = Program(dict, (Settings, More), "", takes)
    values = program.define(flags.FlagValues())
    return program.checked(values, values(["program", *arguments])[1:])


def test_flags_are_checked_settings():
    home = str(Path("~").expanduser())
    expected = {"epochs": 3, "rate": 0.5, "place": f"{home}/a", "name": "x"}
    assert arguments_of("--epochs=3", "--place=~/a") == expected
    with pytest.raises(ValueError, match="^rate is 0.0, expected a number above 0$"):
        arguments_of("--rate=0")


def test_arguments_that_are_no_flags_are_refused_unless_some_are_taken():
    with pytest.raises(ValueError, match=r"^unknown arguments \['fast'\], expected flags only$"):
        arguments_of("fast")
    assert arguments_of("a", "b", takes="the folders")["arguments"] == ["a", "b"]
    assert arguments_of(takes="the folders")["arguments"] == []


def test_help_has_the_description_and_the_flags_in_groups():
    usage = Program(dict, (Settings, More), "About it.", "the folders").usage()
    assert usage.startswith("About it.\n\nArguments: the folders.\n\nTraining:\n  --epochs: Passes")
    assert "(default: '5')\n    (a positive integer)" in usage
    assert usage.endswith("\n\nThe rest:\n  --name: A name.\n    (default: 'x')")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ValueError("epochs is 0, expected 1 or more\nand more"), "error: epochs is 0, expected"),
        (FileNotFoundError("no data in x, expected it"), "error: no data in x, expected it"),
        (FloatingPointError("loss is nan"), "error: loss is nan"),
        (ImportError("no x, expected it: pip install x"), "error: no x, expected it: pip"),
        (tf.errors.InternalError(None, None, "out of luck"), "error: out of luck"),
        (MemoryError(), "error: memory is not enough (MemoryError), expected less data"),
        (KeyboardInterrupt(), 130),
    ],
)
def test_what_can_go_wrong_ends_with_a_code_or_one_line(error, code):
    with pytest.raises(SystemExit) as ended, ends_in_one_line():
        raise error
    found = ended.value.code
    assert found == code if isinstance(code, int) else found.startswith(code) and "\n" not in found


def test_a_mistake_of_ours_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError), ends_in_one_line():
        1 / 0  # noqa: B018


def test_a_warning_is_one_line(capsys):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = _program.show_warning
        warnings.warn("attention has\n collapsed", stacklevel=1)
    assert capsys.readouterr().err == "warning: attention has collapsed\n"


def run(*arguments, **environment):
    """A process of this Python, without a log level unless it is given."""
    inherited = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, env=inherited | environment
    )


def imported(ended):
    """The modules that a process with `-X importtime` has imported, and what else it wrote."""
    lines = ended.stderr.splitlines()
    names = {line.rpartition("|")[2].strip() for line in lines if line.startswith("import time:")}
    return names, [line for line in lines if not line.startswith("import time:")]


@pytest.mark.parametrize("name", COMMANDS)
def test_help_needs_neither_tensorflow_nor_keras(name):
    ended = run("-X", "importtime", "-m", f"attention_zoo.{name}", "--help")
    names, others = imported(ended)
    assert (ended.returncode, others) == (0, [])
    assert "absl.flags" in names and names.isdisjoint({"tensorflow", "keras"})
    module = MAIN.get(name, name)
    found = importlib.import_module(f"attention_zoo.{module}").COMMAND
    assert ended.stdout == getattr(found, "program", found).usage() + "\n"


def test_help_of_an_installed_command_is_that_of_its_module(tmp_path):
    """As pip writes it; a script of another name has Keras know the package's classes."""
    for name, is_quick in (("attention-zoo-sdc", True), ("attention-zoo-own.py", False)):
        script = tmp_path / name
        script.write_text("from attention_zoo.trainers.sdc import run\nrun()\n")
        ended = run("-X", "importtime", str(script), "--help")
        names, _ = imported(ended)
        assert names.isdisjoint({"tensorflow", "keras"}) == is_quick
        assert ended.returncode == 0 and ended.stdout.startswith("Trains a focus and a class")


def test_every_installed_command_is_among_them():
    scripts = re.findall(r"attention_zoo\.([\w.]+):run", (ROOT / "setup.py").read_text("utf-8"))
    assert scripts and set(scripts) <= {MAIN.get(name, name) for name in COMMANDS}


def test_a_wrong_flag_or_value_is_one_line_at_once():
    command = ["-X", "importtime", "-m", "attention_zoo.trainers.sdc"]
    for argument, reason in (
        ("--epocs=3", "Unknown command line flag 'epocs'. Did you mean: epochs ?, expected flags"),
        ("--epochs=0", "flag --epochs=0: 0 is not a positive integer, expected flags"),
        ("--learning_rate=0", "learning_rate is 0.0, expected a number above 0"),
        ("fast", "unknown arguments ['fast'], expected flags only"),
    ):
        ended = run(*command, argument)
        names, (line,) = imported(ended)
        assert names.isdisjoint({"tensorflow", "keras"})
        assert ended.returncode == 1 and line.startswith(f"error: {reason}")


IMPORT = """
import os, sys
from attention_zoo._program import import_tensorflow
import_tensorflow()
os.write(2, b"then\\n")
import tensorflow as tf
tf.ones(3) + 1.0
"""


CHATTER = """
import os
from attention_zoo._program import _without_chatter
with _without_chatter():
    os.write(2, b"I0000 00:00:1.5 9 port.cc:153] oneDNN\\none\\n")
    os.write(2, b"E0000 00:00:1.5 9 x.cc:5] no cuInit\\n")
os.write(2, b"then\\n")
"""
NOWHERE = """
import os, sys, tempfile
from attention_zoo import _program

def fails(*_):
    raise FileNotFoundError("no usable temporary directory")

_program.tempfile.TemporaryFile = fails
_program.import_tensorflow()
assert "tensorflow" in sys.modules
"""


def test_tensorflow_is_imported_without_chatter(tmp_path):
    """In a process of a command's name: another imports TensorFlow with the package."""
    script = tmp_path / "attention-zoo-try"
    script.write_text(IMPORT)
    assert run(str(script)).stderr == "then\n"


def test_what_is_no_chatter_is_written(tmp_path):
    script = tmp_path / "attention-zoo-try"
    script.write_text(CHATTER)
    ended = run(str(script))
    assert ended.stderr.splitlines() == ["one", "then"]


def test_tensorflow_is_imported_where_nothing_can_be_held_back(tmp_path):
    """Without standard error, and without a folder for temporary files."""
    script = tmp_path / "attention-zoo-try"
    script.write_text(NOWHERE)
    assert run(str(script)).returncode == 0


def test_a_log_level_of_the_users_is_kept(tmp_path):
    script = tmp_path / "attention-zoo-try"
    script.write_text(IMPORT)
    before, _, _ = run(str(script), TF_CPP_MIN_LOG_LEVEL="0").stderr.partition("then\n")
    assert "oneDNN" in before or "cpu_feature_guard" in before


TINY = ("--epochs=1", "--attention=lvml", "--num_examples=256", "--num_test_examples=32")


@pytest.mark.slow
def test_a_run_that_went_well_says_nothing_but_its_figures_and_where_its_page_is(tmp_path):
    command = ["-m", "attention_zoo.trainers.sdc", f"--workdir={tmp_path}/run"]
    ended = run(*command, *TINY, TQDM_DISABLE="1")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[-1] == f"written to {tmp_path}/run/report.html"


@pytest.mark.slow
def test_nor_does_a_sweep(tmp_path):
    """Its runs are processes forked off one that imports TensorFlow for all."""
    command = ["-m", "attention_zoo.trainers.sweep", f"--folder={tmp_path}/sweep", "--seed=0:2"]
    ended = run(*command, *TINY)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[-1] == f"written to {tmp_path}/sweep/sweep.html"
