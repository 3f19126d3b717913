"""Figures of the paper's runs that the repository keeps, and the page drawn from them."""

import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from experiments import keep_runs
from experiments.reproduction import figures, paper, tables
from experiments.reproduction.data_requirements import Places
from experiments.reproduction.job import Job
from experiments.reproduction.outcome import outlook
from experiments.reproduction.runs import Run, comparisons

ROOT = Path(__file__).resolve().parents[2]
JOBS = {job.name: job for job in paper.JOBS}
ACCURACIES = [f"{way}_accuracy" for way in ("argmax", "marginal", "soft")]
NAMES = sorted(
    path.parent.relative_to(keep_runs.KEPT).as_posix()
    for path in keep_runs.KEPT.rglob("results.json")
)


def test_runs_are_kept():
    assert {"cifar10/m5/soft_0", "cifar10/m5/hard_0"} <= set(NAMES) <= set(JOBS)


@pytest.mark.parametrize("name", NAMES)
def test_a_kept_run_is_finished_and_that_of_its_job(name):
    assert outlook(JOBS[name], keep_runs.KEPT, Places()).state == "done"


@pytest.mark.parametrize("name", [name for name in NAMES if JOBS[name].row])
def test_a_kept_run_has_all_epochs(name):
    epochs = Run(JOBS[name], keep_runs.KEPT / name).curves["epoch"]
    assert list(epochs) == list(range(1, JOBS[name].settings["epochs"] + 1))


def test_what_is_kept_names_no_folder():
    paths = list(keep_runs.KEPT.rglob("*.json"))
    assert [path for path in paths if re.search(r'"(/|~)', path.read_text())] == []


def test_the_page_is_that_of_the_kept_runs(tmp_path):
    kept = tmp_path / "kept"
    shutil.copytree(keep_runs.KEPT, kept)
    (kept / "results.md").unlink()
    shutil.rmtree(kept / "figures")
    keep_runs.draw(kept)
    assert _page(kept) == _page(keep_runs.KEPT)
    pictures = [
        sorted(path.name for path in one.glob("figures/*")) for one in (kept, keep_runs.KEPT)
    ]
    assert pictures[0] == pictures[1]


def _page(kept):
    """The text, but for distances from the solver, which are those of the CPU's rounding."""
    return re.sub(r"\de-1\d", "", (kept / "results.md").read_text())


def test_the_tables_of_docs_are_those_of_the_page():
    docs = (ROOT / "docs" / "results.md").read_text().partition("## A tenth of the scale")[0]
    of_page = _rows((keep_runs.KEPT / "results.md").read_text().replace("\u00a0", " "))
    places = {"test": "", "validation": "", "training": ", training images"}
    rows = [row for row in _rows(docs) if row[0] in places and len(row) == 7]
    assert len(rows) == 10 + 20  # after the last epoch, and by epoch
    for images, second, *cells in rows:
        seeds = [] if second.isdigit() else ["2"]
        assert [f"cifar10 m = 5{places[images]}", second, *seeds, *cells] in of_page


def test_the_tables_of_more_segments_are_those_of_the_page():
    docs = (ROOT / "docs" / "results.md").read_text().partition("## A tenth of the scale")[0]
    of_page = _rows((keep_runs.KEPT / "results.md").read_text().replace("\u00a0", " "))
    places = {"test": "", "validation": "", "training": ", training images"}
    rows = [row for row in _rows(docs) if row[0] in ("10", "20") and len(row) == 8]
    assert rows
    for m, images, third, *cells in rows:
        seeds = [] if third.isdigit() else ["1"]
        assert [f"cifar10 m = {m}{places[images]}", third, *seeds, *cells] in of_page


def test_the_table_at_the_papers_rate_is_that_of_the_page():
    docs = _rows((ROOT / "docs" / "results.md").read_text())
    of_page = _rows((keep_runs.KEPT / "results.md").read_text().replace("\u00a0", " "))
    places = {"test": "", "training": ", training images"}
    rows = [row for row in docs if row[0] == "0.05" and len(row) == 8]
    assert len(rows) == 10
    for _, images, name, *cells in rows:
        assert [f"cifar10, rate 0.05 m = 5{places[images]}", name, "1", *cells] in of_page


def test_rates_are_compared_by_means_over_ten_epochs():
    text = (ROOT / "docs" / "results.md").read_text().partition("### At the paper's rate")[2]
    rows = [row for row in _rows(text.partition("### Ten and twenty")[0]) if len(row) == 5][1:]
    assert [row[0] for row in rows] == ["soft", "hard", "LVML", "hybrid", "control"]
    for name, *cells in rows:
        last = slice(70, 80) if name in ("hybrid", "control") else slice(50, 60)
        expected = []
        for column in ("val_label_accuracy", "paper_focus_accuracy"):
            for folder in ("m5_rate_0.05", "m5"):
                job = f"cifar10/{folder}/{name.lower()}_0"
                curve = Run(JOBS[job], keep_runs.KEPT / job).curves[column]
                expected.append(f"{100 * np.mean(curve[last]):.1f}")
        assert cells == expected


def test_the_tables_of_posts_are_those_of_the_page():
    docs = _rows((ROOT / "docs" / "hatexplain.md").read_text())
    of_page = _rows((keep_runs.KEPT / "results.md").read_text())
    rows = [row for row in docs if row[0] in ("FT", "accuracy") and len(row) == 7]
    assert len(rows) == 2 * 10
    for _, *cells in rows:
        assert ["HateXplain, simple", *cells] in of_page


def test_figures_of_posts_after_the_last_epoch_are_those_of_the_runs():
    ways = {"soft": "soft", "hard": "argmax", "LVML": "marginal", "hybrid": "argmax"}
    docs = (ROOT / "docs" / "hatexplain.md").read_text().partition("## At the paper's budget")[2]
    rows = [row for row in _rows(docs) if len(row) == 8 and row[0] != "attention"]
    assert len(rows) == 5 + 1  # and the line below the head
    for name, *cells in rows[1:]:
        paths = (keep_runs.KEPT / "hatexplain" / "simple").glob(f"{name.lower()}_*/results.json")
        runs = [json.loads(path.read_text()) for path in paths]
        tests = [run["test"] for run in runs]
        own = f"{ways.get(name, 'soft')}_accuracy"
        of_test = ("focus_accuracy", "average_precision", "entropy", *ACCURACIES)
        first, second, entropy, *others = ([one[figure] for one in tests] for figure in of_test)
        shares = [first, second, *others, [run["train"][own] for run in runs]]
        expected = [f"{100 * np.mean(x):.1f} ± {50 * np.ptp(x):.1f}" for x in shares]
        expected.insert(2, f"{np.mean(entropy):.2f}")
        assert cells == expected


def test_every_kept_run_has_its_commit():
    commits = json.loads((keep_runs.KEPT / "commits.json").read_text())
    assert sorted(commits) == NAMES
    assert all(re.fullmatch("[0-9a-f]{7}", commit) for commit in commits.values())


def test_drives_are_medians_of_the_runs():
    docs = (ROOT / "docs" / "results.md").read_text()
    head, _, *rows = _rows(docs.partition("### The drive to focus")[2])[:9]
    assert rows[0][:2] == ["soft", "soft"] and rows[-1][:2] == ["hard", "hybrid"]
    for name, run, *cells in rows:
        job = f"cifar10/m5/{run.lower()}_0"
        drive = Run(JOBS[job], keep_runs.KEPT / job).curves[f"drive_{name.lower()}"]
        for span, cell in zip(head[2:], cells, strict=True):
            first, last = map(int, span.split("–"))
            expected = f"{np.median(drive[first - 1 : last]):.2f}" if last <= len(drive) else "–"
            assert cell == expected.replace("-", "−")


def _rows(text):
    return [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]


JOB = Job(name="m5/soft_0", trainer="sdc", data="d", settings={"seed": 0}, row="soft")


@pytest.fixture
def workdir(tmp_path):
    """Of a suite with one finished run of two epochs."""
    folder = tmp_path / "suite" / JOB.name
    folder.mkdir(parents=True)
    config = {
        "data_dir": "/home/me/data",
        "epochs": 2,
        "callbacks": [{"data_dir": "/home/me/data"}],
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "results.json").write_text('{"test": {}}')
    (folder / "model.keras").write_bytes(b"weights")
    (folder / "about.json").write_text("{}")
    with (folder / "metrics.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["epoch", "seconds"], [1, 1200.0], [2, 1500.0]])
    return tmp_path / "suite"


def test_figures_are_kept_without_weights_and_without_where_the_data_lay(workdir, tmp_path):
    keep_runs.keep(JOB, workdir, tmp_path / "kept")
    kept = tmp_path / "kept" / JOB.name
    files = {"config.json", "results.json", "metrics.csv", "about.json"}
    assert {path.name for path in kept.iterdir()} == files
    for name in ("results.json", "metrics.csv"):
        assert (kept / name).read_bytes() == (workdir / JOB.name / name).read_bytes()
    config = {"data_dir": None, "epochs": 2, "callbacks": [{"data_dir": None}]}
    assert json.loads((kept / "config.json").read_text()) == config


def test_runs_of_no_suite_are_kept_by_their_names(workdir, tmp_path):
    said, runs = [], workdir / "m5"
    path = runs / "soft_0" / "config.json"
    path.write_text('{"encoder": "/home/me/net.keras", "features_dir": "/home/me", "epochs": 2}')
    (runs / "broken_off").mkdir()
    keep_runs.keep_runs(runs, tmp_path / "kept", said.append)
    assert said == ["kept: soft_0"]
    (kept,) = (tmp_path / "kept").iterdir()
    files = {"config.json", "results.json", "metrics.csv", "about.json"}
    assert {one.name for one in kept.iterdir()} == files
    config = {"encoder": "net.keras", "features_dir": None, "epochs": 2}
    assert json.loads((kept / "config.json").read_text()) == config
    with pytest.raises(ValueError, match="broken_off has no finished run, expected a folder of"):
        keep_runs.keep_runs(runs / "broken_off", tmp_path / "kept")
    with pytest.raises(ValueError, match="is where runs are kept"):
        keep_runs.keep_runs(runs, runs)


def test_what_cannot_be_kept_is_said(workdir, tmp_path):
    said = []
    keep_runs.keep_all([JOB], workdir, tmp_path / "kept", said.append)
    (line,) = said
    assert "holds a run with epochs 2, expected 6" in line and line.endswith(": m5/soft_0")
    assert not (tmp_path / "kept").exists()
    with pytest.raises(ValueError, match="none has no finished run, expected that of a suite"):
        keep_runs.keep_all([JOB], tmp_path / "none", tmp_path / "kept")
    with pytest.raises(ValueError, match="is where runs are kept, expected the folder"):
        keep_runs.keep_all([JOB], workdir, workdir)


def test_ranges_of_scores_are_drawn_where_they_were_measured(workdir):
    path = workdir / JOB.name / "metrics.csv"
    path.write_text("epoch,score_range\n1,0.5\n2,500.0\n")
    (panel,) = figures.score_ranges(comparisons([Run(JOB, path.parent)])).axes
    (line,) = panel.lines
    assert list(line.get_ydata()) == [0.5, 500.0] and panel.get_yscale() == "log"
    path.write_text("epoch\n1\n2\n")
    (panel,) = figures.score_ranges(comparisons([Run(JOB, path.parent)])).axes
    assert not panel.lines


def test_hours_are_the_seconds_of_all_epochs(workdir):
    run = Run(JOB, workdir / JOB.name)
    assert tables.hours(comparisons([run])).rows == [["d", "soft", "1", "2", "0.75"]]
    (run.folder / "metrics.csv").write_text("epoch\n1\n2\n")
    untold = Run(JOB, run.folder)
    assert tables.hours(comparisons([untold])).rows == []
