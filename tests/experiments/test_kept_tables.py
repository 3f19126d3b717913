"""Tables of docs against the runs that the repository keeps."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from experiments import captions_results, keep_runs, sdc_results
from experiments.reproduction import paper
from experiments.reproduction.runs import Run
from experiments.results import by_kind, spread

ROOT = Path(__file__).resolve().parents[2]
KEPT = keep_runs.KEPT
TENTH = KEPT.with_name("tenth_runs")
CAPTIONS = KEPT.with_name("caption_runs")
WAYS = {"soft": "soft", "hard": "argmax", "LVML": "marginal", "hybrid": "argmax", "control": "soft"}
PLACES = {"test": "", "validation": "", "training": ", training images"}
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


@pytest.mark.parametrize(
    ("after", "before", "count"),
    [
        ("# Results", "### The drive to focus", 30),  # after the last epoch, and by epoch
        ("### At the paper's rate", "### Hard after LVML", 10),
        ("### Hard after LVML", "### Ten and twenty", 4),
        ("### Ten and twenty", "## A tenth of the scale", None),
    ],
)
def test_tables_at_the_papers_scale_are_those_of_the_page(after, before, count):
    """Their first cell is of images, as on the page, or tells the condition, of one seed."""
    of_page = _rows(_read(KEPT / "results.md"))
    rows = [row for row in _rows(_docs("results.md", after, before)) if _images(row)]
    assert len(rows) == count if count else rows
    for row in rows:
        (condition, seeds), (images, name, *cells) = _images(row)
        seeds = [] if name.isdigit() else [seeds]
        assert [f"{condition}{PLACES[images]}", name, *seeds, *cells] in of_page


def _images(row):
    """((condition, seeds), the row from its kind of images on); None of a row of another table."""
    first, second, *_ = row
    if first in PLACES and len(row) == 7:
        return ("cifar10 m = 5", "2"), row
    if second in PLACES and len(row) == 8:
        at_rate = {"0.05": "rate 0.05 m = 5", "LVML": "rate 0.05, from LVML m = 5"}
        name = f", {at_rate[first]}" if first in at_rate else f" m = {first}"
        return (f"cifar10{name}", "1"), row[1:]


def test_rates_are_compared_by_means_over_ten_epochs():
    text = _docs("results.md", "### At the paper's rate", "### Hard after LVML")
    rows = [row for row in _rows(text) if len(row) == 5][1:]
    assert [row[0] for row in rows] == list(WAYS)
    for name, *cells in rows:
        last = slice(70, 80) if name in ("hybrid", "control") else slice(50, 60)
        expected = []
        for column in ("val_label_accuracy", "paper_focus_accuracy"):
            for folder in ("m5_rate_0.05", "m5"):
                curve = _curves(f"cifar10/{folder}/{name.lower()}_0")[column]
                expected.append(f"{100 * np.mean(curve[last]):.1f}")
        assert cells == expected


def test_drives_are_medians_of_the_runs():
    head, *rows = _rows(_docs("results.md", "### The drive to focus", "### At the paper's"))
    assert rows[0][:2] == ["soft", "soft"] and rows[-1][:2] == ["hard", "hybrid"]
    for name, run, *cells in rows:
        drive = _curves(f"cifar10/m5/{run.lower()}_0")[f"drive_{name.lower()}"]
        for span, cell in zip(head[2:], cells, strict=True):
            first, last = map(int, span.split("–"))
            expected = f"{np.median(drive[first - 1 : last]):.2f}" if last <= len(drive) else "–"
            assert cell == expected.replace("-", "−")


def test_the_tables_of_posts_are_those_of_the_page():
    of_page = _rows(_read(KEPT / "results.md"))
    rows = [row for row in _rows(_docs("hatexplain.md")) if row[0] in ("FT", "accuracy")]
    rows = [row for row in rows if len(row) == 7]
    assert len(rows) == 2 * 10
    for _, *cells in rows:
        assert ["HateXplain, simple", *cells] in of_page


def test_figures_of_posts_after_the_last_epoch_are_those_of_the_runs():
    text = _docs("hatexplain.md", "## At the paper's budget")
    head, *rows = [row for row in _rows(text) if len(row) == 8]
    assert head[0] == "attention" and [row[0] for row in rows] == list(WAYS)
    of_test = ["focus_accuracy", "average_precision", "entropy"]
    of_test += [f"{way}_accuracy" for way in ("argmax", "marginal", "soft")]
    for name, *cells in rows:
        runs = _results(KEPT / "hatexplain/simple", name.lower())
        first, second, entropy, *others = ([run["test"][one] for run in runs] for one in of_test)
        training = [run["train"][f"{WAYS[name]}_accuracy"] for run in runs]
        shares = [first, second, *others, training]
        expected = [f"{100 * np.mean(x):.1f} ± {50 * np.ptp(x):.1f}" for x in shares]
        expected.insert(2, f"{np.mean(entropy):.2f}")
        assert cells == expected


@pytest.mark.parametrize("split", ["train", "test"])
def test_after_15_epochs_three_seeds_have_what_the_runs_have(split):
    """The tables of `sdc_results`, LVML by its name."""
    images = {"train": "On training images:", "test": "On test images:"}[split]
    text = _docs("results.md", "### After 15 epochs", "### What is seen")
    text = text.partition(images)[2].removeprefix("\n\n").partition("\n\n")[0]
    runs = {name: _results(TENTH, name.lower()) for name in WAYS}
    assert {len(group) for group in runs.values()} == {3}
    of_split = {name: [run[split] for run in group] for name, group in runs.items()}
    assert text == sdc_results.final_table(of_split)


def test_the_table_of_the_readme_is_of_these_runs():
    """Of test images, without the control."""
    rows = [row[1:-1] for row in _rows(_read(ROOT / "README.md")) if row[1] in WAYS]
    of_cifar = [row for row in rows if "±" in row[1]]
    assert [row[0] for row in of_cifar] == ["soft", "hard", "LVML", "hybrid"]
    for name, *cells in of_cifar:
        tests = [run["test"] for run in _results(TENTH, name.lower())]
        figures = ("focus_accuracy", "argmax_accuracy", "marginal_accuracy", "soft_accuracy")
        assert cells == [spread([100 * test[figure] for test in tests]) for figure in figures]


@pytest.mark.parametrize("column", ["focus_accuracy", "val_focus_accuracy"])
def test_curves_of_three_seeds_are_those_of_the_runs(column):
    number = ["focus_accuracy", "val_focus_accuracy"].index(column)
    text = _docs("results.md", "### FT by epoch").split("\n\n")[2 + 2 * number]
    kinds = by_kind(sorted(TENTH.glob("*_[012]")))
    curves = {name: [sdc_results.read_curves(run) for run in kinds[name.lower()]] for name in WAYS}
    assert text.strip() == sdc_results.curve_table(curves, column)


def test_what_was_tried_against_lock_in_is_what_the_runs_have():
    head, *rows = _rows(_docs("results.md", "#### What was tried against it", "### FT by epoch"))
    assert head[0].strip() == "" or head[0].startswith("FT, validation")
    assert [row[0] for row in rows] == list(LOCK_IN)
    for name, *cells in rows:
        found = _results(TENTH, LOCK_IN[name])[0]
        validation, test = found["validation"], found["test"]
        shares = [one["focus_accuracy"] for one in (validation, test)]
        shares += [test["argmax_accuracy"], test["argmax_FTPT"]]
        expected = [f"{100 * share:.1f}" for share in shares]
        expected.insert(2, f"{test['entropy']:.2f}")
        assert [cell.strip("*") for cell in cells] == expected


def test_rates_are_those_of_the_runs_and_the_best_is_bold():
    text = _docs("results.md", "### Learning rates", "### After 15 epochs")
    head, *rows = _rows(text)
    assert head[2:] == ["0.01", "0.02", "0.05"]
    assert [row[:2] for row in rows] == [[name, WAYS[name]] for name in ("soft", "hard", "LVML")]

    def accuracy(kind, way):
        return 100 * _results(TENTH, kind)[0]["validation"][f"{way}_accuracy"]

    for name, way, *cells in rows:
        found = [
            accuracy(f"{name.lower()}{rate}", way) for rate in ("_rate_0.01", "", "_rate_0.05")
        ]
        assert [cell.strip("*") for cell in cells] == [f"{one:.1f}" for one in found]
        assert [cell.startswith("**") for cell in cells] == [one == max(found) for one in found]
    second = [accuracy(kind, "argmax") for kind in ("hybrid_second_rate_0.005", "hybrid")]
    assert "has {:.1f} at a rate of 0.005 and {:.1f} at 0.02".format(*second) in text


def test_the_tables_of_captions_are_those_of_the_runs():
    """The tables of `captions_results`, but for the floor of random captions."""
    names = {"lvml": "LVML", "reinforce": "REINFORCE"}
    kinds = ("soft", "hybrid", "reinforce", "hard", "lvml", "uniform")
    runs = {
        names.get(kind, kind): [run["test"] for run in _results(CAPTIONS, kind)] for kind in kinds
    }
    assert {len(group) for group in runs.values()} == {3}
    text = _docs("captions.md", "## Results", "## At full size")
    assert f"\n\n{captions_results.perplexities(runs)}\n\n" in text
    assert f"\n\n{captions_results.scores(runs)}\n| captions of a random" in text


@pytest.mark.parametrize("folder", [KEPT, TENTH, CAPTIONS], ids=lambda path: path.name)
def test_runs_have_their_commit_and_name_no_folder(folder):
    commits = json.loads((folder / "commits.json").read_text())
    runs = [path.parent.relative_to(folder) for path in folder.rglob("results.json")]
    assert sorted(commits) == sorted(run.as_posix() for run in runs)
    assert all(re.fullmatch("[0-9a-f]{7}", commit) for commit in commits.values())
    texts = (path.read_text() for path in folder.rglob("*.json"))
    assert not any(re.search(r'"(/|~)', text) for text in texts)


def _docs(name, after="", before=None):
    """Of a page, what stands between two headings."""
    text = _read(ROOT / "docs" / name)
    assert after in text
    text = text.partition(after)[2] if after else text
    return text.partition(before)[0] if before else text


def _read(path):
    return path.read_text().replace("\u00a0", " ")


def _rows(text):
    """Cells of the lines of tables, heads among them."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    return [row for row in rows if row[0] != "---"]


def _results(folder, kind):
    """results.json of the runs of a kind, seed by seed."""
    paths = sorted(folder.glob(f"{kind}_[0-9]/results.json"))
    return [json.loads(path.read_text()) for path in paths]


def _curves(job):
    jobs = {one.name: one for one in paper.JOBS}
    return Run(jobs[job], KEPT / job).curves
