"""The suites of jobs, the runner, and the page; rules have their own test file."""

import dataclasses
import importlib
import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from attention_zoo._settings import make
from attention_zoo.trainers import reproduce
from attention_zoo.trainers.reproduction import page
from attention_zoo.trainers.reproduction.job import ROWS, Job, comparison
from attention_zoo.trainers.reproduction.needs import Places
from attention_zoo.trainers.reproduction.runner import Outcome, settled

SMALL = {"num_examples": 40, "epochs": 40, "jit_compile": "false"}
GOOD = Job(name="flow/small", trainer="gradient_flow", data="orthogonal", settings=SMALL)
BAD = Job(name="bad", trainer="sdc", data="nothing", settings={"dataset": "<b>nothing</b>"})
FAR = Job(name="far", trainer="captions", data="COCO", settings={}, needs="coco")


@pytest.mark.parametrize("suite", ["quick", "paper"])
def test_every_job_has_settings_that_its_trainer_takes(suite):
    jobs = reproduce.SUITES[suite]
    assert len({job.name for job in jobs}) == len(jobs)
    for job in jobs:
        trainer = importlib.import_module(f"attention_zoo.trainers.{job.trainer}")
        make(trainer.Settings, job.settings | Places().of(job.needs))


def test_quick_needs_nothing_on_disk_and_compares_all_rows_at_two_m():
    jobs = reproduce.SUITES["quick"]
    assert not [job.name for job in jobs if job.needs]
    digits = [job for job in jobs if job.data == "digits" and job.row]
    for m in (5, 10):
        rows = {job.row for job in digits if job.settings["num_segments"] == m}
        assert rows == set(ROWS)
    assert len({job.settings["seed"] for job in digits}) >= 2


def test_paper_has_the_numbers_of_segments_of_the_paper():
    jobs = reproduce.SUITES["paper"]
    for data in ("cifar10", "cifar100"):
        ms = {job.settings["num_segments"] for job in jobs if job.data == data and job.row}
        assert ms == {5, 10, 20, 50, 100}


def test_control_differs_from_hybrid_in_its_second_attention_alone():
    options = {"trainer": "sdc", "data": "digits", "seeds": (0,), "epochs": 4}
    by_row = {job.row: job.settings for job in comparison("digits", **options)}
    control, hybrid = by_row["control"], by_row["hybrid"]
    assert control == hybrid | {"second_attention": "soft"} != hybrid


@pytest.fixture(scope="module")
def small_suite():
    """A job that ends, one that fails, one whose data is not there, in the place of `quick`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(reproduce.SUITES, "quick", (BAD, GOOD, FAR))
        yield


@pytest.fixture(scope="module")
def ended(small_suite, tmp_path_factory):
    """(folder, outcomes, findings) of the small suite."""
    folder = tmp_path_factory.mktemp("suite")
    return folder, *reproduce.train_and_evaluate(folder, workers=1)


def test_a_job_that_fails_is_named_and_does_not_stop_the_others(ended):
    _, outcomes, _ = ended
    assert [one.state for one in outcomes] == ["failed", "done", "not run"]
    assert outcomes[0].reason.startswith("ValueError: data set '<b>nothing</b>' is unknown")
    assert outcomes[2].reason == "COCO 2014: coco_dir is unset"


def test_the_program_ends_with_1_where_a_job_failed(ended):
    with pytest.raises(SystemExit) as end:
        reproduce.report(ended[1:])
    assert "bad: failed, ValueError" in str(end.value)
    outcomes = [one for one in ended[1] if one.state != "failed"]
    assert "1 done, 1 not run" in reproduce.report((outcomes, ended[2]))


def test_finished_jobs_are_skipped_and_the_page_stays(ended):
    folder = ended[0]
    before = {path: path.stat().st_mtime_ns for path in (folder / GOOD.name).rglob("*")}
    pages = [(folder / name).read_bytes() for name in page.TEMPLATES]
    reproduce.train_and_evaluate(folder, workers=1, jobs="flow/*")
    assert before == {path: path.stat().st_mtime_ns for path in (folder / GOOD.name).rglob("*")}
    assert "left out by --jobs" in (folder / "results.md").read_text()
    reproduce.train_and_evaluate(folder, workers=1)
    assert pages == [(folder / name).read_bytes() for name in page.TEMPLATES]


def test_a_folder_with_other_settings_is_not_taken_for_the_job(ended):
    changed = dataclasses.replace(GOOD, settings=SMALL | {"epochs": 41})
    outcome = settled(changed, ended[0], Places())
    assert outcome.state == "failed" and "epochs 40, expected 41" in outcome.reason


def test_html_stands_alone_and_escapes_what_it_is_told(ended):
    html = (ended[0] / "results.html").read_text()
    assert "<b>nothing" not in html and "&lt;b&gt;nothing" in html
    sources = re.findall(r'src="(.{10})', html)
    assert sources and set(sources) == {"data:image"}
    assert not re.findall(r"<script|<link|https?://|url\(", html)


def test_markdown_has_every_finding_section_and_figure(ended):
    folder, _, decided = ended
    text = (folder / "results.md").read_text()
    for one in decided:
        assert f"### {one.title}" in text and one.rule in text
    figures = re.findall(r"\]\((figures/.*?)\)", text)
    assert figures and all((folder / figure).exists() for figure in figures)
    headings = re.findall(r"^## (.*)", text, re.M)
    assert headings[:4] == [
        "Theory",
        "Fixed focus",
        "Focus by epoch",
        "FT and the three predictions",
    ]


def test_closed_forms_are_decided_and_what_was_not_run_is_said(ended):
    by_title = {one.title: one for one in ended[2]}
    assert by_title["The learning dynamics have a closed form."].on("seen") == "theory"
    assert by_title["Fixed focus: soft's drive to focus is large at the start and fades."].on(
        "not run"
    )


def test_a_dry_run_lists_what_each_job_lacks_and_writes_nothing(small_suite, tmp_path):
    outcomes, decided = reproduce.train_and_evaluate(tmp_path / "none", dry_run=True)
    assert [one.state for one in outcomes] == ["to run", "to run", "not run"]
    assert decided == [] and not (tmp_path / "none").exists()


def test_places_name_the_file_that_is_missing(tmp_path):
    (tmp_path / "dataset.json").touch()
    reason = Places(hatexplain_dir=str(tmp_path)).missing("hatexplain")
    assert reason == f"HateXplain: {tmp_path} has no post_id_divisions.json"
    (tmp_path / "post_id_divisions.json").touch()
    assert Places(hatexplain_dir=str(tmp_path)).missing("hatexplain") is None
    assert "cifar100 is not in" in Places(data_dir=str(tmp_path)).missing("cifar100")


def test_errors_say_what_was_expected(tmp_path):
    with pytest.raises(ValueError, match="workers is 0, expected 1 or more"):
        reproduce.train_and_evaluate(tmp_path, workers=0)
    with pytest.raises(ValueError, match="jobs is 'nine', expected a pattern of names such as"):
        reproduce.train_and_evaluate(tmp_path, jobs="nine")


def test_a_page_of_nothing_but_failures_is_written(tmp_path):
    decided = page.write("quick", tmp_path, [Outcome(BAD, "failed", "a | b")])
    assert "a \\| b" in (tmp_path / "results.md").read_text()
    assert any(one.on("seen") == "theory" for one in decided)


PROGRAM = """
import sys
from attention_zoo.trainers import reproduce
from attention_zoo.trainers.reproduction.job import Job, comparison
if __name__ == "__main__":
    small = {"num_examples": 512, "num_test_examples": 64, "batch_size": 64, "epochs": 4}
    jobs = comparison("digits", trainer="sdc", data="digits", seeds=(0,), num_segments=3, **small)
    reproduce.SUITES["quick"] = tuple(jobs)
    reproduce.train_and_evaluate(sys.argv[1], workers=2)
"""


@pytest.mark.slow
def test_a_suite_killed_in_the_middle_ends_with_the_page_of_an_unbroken_one(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    broken, unbroken = tmp_path / "broken", tmp_path / "unbroken"
    process = _start(program, broken)
    _wait_for(broken, "digits/soft_0/results.json", process)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (broken / "results.html").exists()
    for folder in (broken, unbroken):
        assert _start(program, folder).wait() == 0
    for name in page.TEMPLATES:
        assert (broken / name).read_bytes() == (unbroken / name).read_bytes()
    assert json.loads((broken / "digits/control_0/results.json").read_text())["test"]


def _start(program, folder):
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([sys.executable, str(program), str(folder)], **quiet)


def _wait_for(folder, name, process, seconds=300):
    until = time.monotonic() + seconds
    while not (folder / name).exists():
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.05)
