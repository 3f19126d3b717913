"""experiments.collapse: a run that is there is not made again, one of other settings is refused."""

import json

import pytest

from experiments import collapse


@pytest.fixture
def run(monkeypatch, tmp_path):
    """(flags) -> (cure, seed) of the runs that were made; training itself is left out."""

    def make(*flags):
        made = []

        def train(args, cure, seed, steps_file):
            made.append((cure, seed))
            figures = dict.fromkeys((*collapse._FIGURES, "train_loss"), args.epochs / 10)
            return {"cure": cure, "seed": seed, "minutes": 0.0} | figures

        monkeypatch.setattr(collapse, "train", train)
        monkeypatch.setattr("sys.argv", ["collapse", f"--folder={tmp_path}", *flags])
        collapse.main()
        return made

    return make


def test_a_run_that_is_there_is_not_made_again(run, tmp_path):
    assert run("--cures=none", "--epochs=1") == [("none", 0)]
    assert run("--cures=none,soft", "--epochs=1", "--seeds=0,1") == [
        *(("none", 1), ("soft", 0), ("soft", 1))
    ]
    rows = json.loads((tmp_path / "runs.json").read_text())
    settings = {"num_examples": 6000, "epochs": 1, "every": 3}
    assert [{name: row[name] for name in settings} for row in rows] == [settings] * 4


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("--epochs=2", "epochs 1, expected 2"),
        ("--num_examples=64", "num_examples 6000, expected 64"),
        ("--every=1", "every 3, expected 1"),
    ],
)
def test_a_folder_of_other_settings_is_refused(run, tmp_path, flag, said):
    """Rows of other settings stood in the table as if they had been made with these."""
    run("--cures=none", "--epochs=1")
    before = (tmp_path / "runs.json").read_text()
    with pytest.raises(SystemExit) as refused:
        run("--cures=none,soft", "--epochs=1", flag)
    text = f"{tmp_path / 'runs.json'} has none, seed 0, with {said}: name another --folder"
    assert str(refused.value) == text
    assert (tmp_path / "runs.json").read_text() == before


def test_rows_that_do_not_say_their_settings_are_refused(run, tmp_path):
    row = {"cure": "none", "seed": 0}
    (tmp_path / "runs.json").write_text(json.dumps([row]))
    with pytest.raises(SystemExit, match="has none, seed 0, with num_examples not noted, expected"):
        run("--cures=none")
