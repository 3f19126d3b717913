import subprocess
import sys

import pytest

import attention_zoo as az
from attention_zoo import _lazy


@pytest.mark.parametrize("package", [az, az.tasks])
def test_a_package_lists_what_it_has_and_refuses_what_it_has_not(package):
    assert {*package.__all__} <= {*dir(package)}
    with pytest.raises(AttributeError, match=f"^module '{package.__name__}' has no attribute 'x'$"):
        _ = package.x


@pytest.mark.parametrize(
    ("argv", "orig_argv", "is_one"),
    [
        (["-m"], ["python", "-m", "attention_zoo.trainers.sdc", "--help"], True),
        (["-m"], ["python", "-m", "mine.train"], False),
        (["/usr/bin/attention-zoo-sdc"], ["python", "/usr/bin/attention-zoo-sdc"], True),
        ([r"C:\bin\attention-zoo-sdc.exe"], ["python"], sys.platform == "win32"),
        (["attention-zoo-mine.py"], ["python", "attention-zoo-mine.py"], False),
        (["train.py"], ["python", "train.py", "attention_zoo.trainers.sdc"], False),
        ([""], ["python"], False),
        ([], ["python"], False),
    ],
)
def test_a_command_is_known_by_how_it_was_started(argv, orig_argv, is_one, monkeypatch):
    monkeypatch.setattr(sys, "argv", argv)
    monkeypatch.setattr(sys, "orig_argv", orig_argv)
    assert _lazy._is_command() == is_one


def test_elsewhere_keras_knows_the_classes_of_a_saved_model_at_once():
    code = """
import attention_zoo, keras
assert keras.saving.get_registered_object("attention_zoo>FocusClassifier") is not None
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
