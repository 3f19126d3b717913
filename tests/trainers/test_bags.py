"""Flags of the bags trainer: one run, or a cross-validation."""

import pytest

from attention_zoo import tasks
from attention_zoo.trainers.bags import COMMAND, run_bags


@pytest.fixture
def called(monkeypatch):
    """What was called with what, in place of training."""
    calls = []
    for name in ("train", "cross_validate"):
        monkeypatch.setattr(tasks, name, lambda *a, _name=name, **k: calls.append((_name, a, k)))
    return calls


def test_repeats_make_a_cross_validation_of_it(called):
    run_bags("here", epochs=3)
    run_bags("here", repeats=5, folds=None, fold=0, repeat=0, epochs=3)
    run_bags("here", repeats=5, folds=4)
    assert called == [
        ("train", ("bags", "here"), {"epochs": 3}),
        ("cross_validate", ("here",), {"repeats": 5, "epochs": 3}),
        ("cross_validate", ("here",), {"repeats": 5, "folds": 4}),
    ]
    with pytest.raises(ValueError, match="^fold is given beside repeats, expected one of them"):
        run_bags("here", repeats=5, fold=2)


def test_the_report_is_that_of_either():
    class Found:
        def table(self):
            return "figures"

    assert COMMAND.report(Found()) == "figures"
    assert COMMAND.report({"test": Found()}) == "test: figures"
