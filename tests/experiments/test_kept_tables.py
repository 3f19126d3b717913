"""Tables of docs against the runs that the repository keeps beside those of the paper's suite."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TENTH = ROOT / "experiments" / "tenth_runs"
LOCK_IN = {  # the name in docs/results.md: that of the runs
    "soft": "soft",
    "hard": "hard",
    "LVML": "lvml",
    "hybrid, from soft": "hybrid",
    "its control": "control",
    "α = 0.5": "power_0.5",
    "α falls from 1 to 0.02 in a line": "annealed",
    "α falls from 1 to 0.02 by a constant factor a step": "annealed_geometric",
    "LVML to epoch 10, then hard": "lvml_then_hard",
    "LVML with `entropy_penalty` 0.1": "lvml_penalty_0.1",
    "hard, log p bounded below at −2 log C": "hard_bounded",
    "hard, focus network at a tenth of the rate": "hard_slow_focus",
}


def test_what_was_tried_against_lock_in_is_what_the_runs_have():
    head, _, *rows = _table("docs/results.md", "#### What was tried against it")
    assert head[0].startswith("FT, validation")
    assert [row[0] for row in rows] == list(LOCK_IN)
    for name, *cells in rows:
        found = json.loads((TENTH / f"{LOCK_IN[name]}_0" / "results.json").read_text())
        validation, test = found["validation"], found["test"]
        shares = [one["focus_accuracy"] for one in (validation, test)]
        shares += [test["argmax_accuracy"], test["argmax_FTPT"]]
        expected = [f"{100 * share:.1f}" for share in shares]
        expected.insert(2, f"{test['entropy']:.2f}")
        assert [cell.strip("*") for cell in cells] == expected


def test_the_smaller_rate_is_that_of_the_runs():
    ways = {"soft": "soft", "hard": "argmax", "LVML": "marginal"}
    text = (ROOT / "docs/results.md").read_text().partition("By later commits")[2]
    rows = [line.strip("| ").split(" | ") for line in text.split("\n\n")[1].splitlines()[2:]]
    assert [row[:2] for row in rows] == [[name, way] for name, way in ways.items()]
    for name, way, *cells in rows:
        for cell, end in zip(cells, ("_rate_0.01", ""), strict=True):
            path = TENTH / f"{name.lower()}{end}_0" / "results.json"
            found = json.loads(path.read_text())["validation"][f"{way}_accuracy"]
            assert cell == f"{100 * found:.1f}"


@pytest.mark.parametrize("folder", [TENTH], ids=lambda path: path.name)
def test_runs_have_their_commit_and_name_no_folder(folder):
    commits = json.loads((folder / "commits.json").read_text())
    assert sorted(commits) == sorted(path.parent.name for path in folder.glob("*/results.json"))
    assert all(re.fullmatch("[0-9a-f]{7}", commit) for commit in commits.values())
    texts = (path.read_text() for path in folder.rglob("*.json"))
    assert not any(re.search(r'"(/|~)', text) for text in texts)


def _table(path, heading):
    """Rows of cells of the first table below a heading."""
    text = (ROOT / path).read_text().partition(heading)[2]
    lines = text[text.index("\n| ") :].partition("\n\n")[0].splitlines()
    return [line.strip("| ").split(" | ") for line in lines if line]
