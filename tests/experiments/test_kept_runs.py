"""The paper's runs that the repository keeps, the page drawn from them, and how runs are kept."""

import csv
import json
import re
import shutil

import pytest

from experiments import keep_runs
from experiments.reproduction import figures, paper, tables
from experiments.reproduction.data_requirements import Places
from experiments.reproduction.job import Job
from experiments.reproduction.outcome import outlook
from experiments.reproduction.runs import Run, comparisons

JOBS = {job.name: job for job in paper.JOBS}
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
    (legend,) = panel.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["soft"]  # what is drawn alone
    path.write_text("epoch\n1\n2\n")
    (panel,) = figures.score_ranges(comparisons([Run(JOB, path.parent)])).axes
    assert not panel.lines


def test_hours_are_the_seconds_of_all_epochs(workdir):
    run = Run(JOB, workdir / JOB.name)
    assert tables.hours(comparisons([run])).rows == [["d", "soft", "1", "2", "0.75"]]
    (run.folder / "metrics.csv").write_text("epoch\n1\n2\n")
    untold = Run(JOB, run.folder)
    assert tables.hours(comparisons([untold])).rows == []
