"""The suites of jobs, what becomes of them, and the page; rules and runner have their own files."""

import dataclasses
import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from experiments import reproduce
from experiments.reproduction import page, tables
from experiments.reproduction.data_requirements import Places
from experiments.reproduction.job import ROWS, Job, comparison
from experiments.reproduction.outcome import TRAINERS, Outcome, outlook
from experiments.reproduction.runs import Run, comparisons
from experiments.reproduction.verdict import Verdict

ROOT = Path(__file__).resolve().parents[2]
SMALL = {"num_examples": 40, "epochs": 40, "jit_compile": "false"}
GOOD = Job(name="flow/small", trainer="gradient_flow", data="orthogonal", settings=SMALL)
BAD = Job(name="bad", trainer="sdc", data="nothing", settings={"dataset": "<b>nothing</b>"})
FAR = Job(name="far", trainer="captions", data="COCO", settings={}, needs="coco")


@pytest.mark.parametrize("suite", ["quick", "paper"])
def test_every_job_has_settings_that_its_trainer_takes(suite):
    jobs = reproduce.SUITES[suite]
    assert len({job.name for job in jobs}) == len(jobs)
    for job in jobs:
        assert TRAINERS[job.trainer].record(**job.settings, **Places().of(job.needs))


def test_quick_needs_nothing_on_disk_and_compares_all_rows_at_two_m():
    jobs = reproduce.SUITES["quick"]
    assert not [job.name for job in jobs if job.needs]
    digits = [job for job in jobs if job.data == "digits" and job.row]
    for m in (5, 10):
        rows = {job.row for job in digits if job.settings["num_segments"] == m}
        assert rows == set(ROWS)
    for data in ("digits", "orthogonal"):
        seeds = {job.settings["seed"] for job in jobs if job.data == data and job.row}
        assert len(seeds) == 3


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
        patch.setattr(sys, "path", [*sys.path, str(ROOT)])  # of the jobs' processes
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
    assert outcomes[1].reason == ""


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
    outcome = outlook(changed, ended[0], Places())
    assert outcome.state == "failed" and "epochs 40, expected 41" in outcome.reason


def test_a_folder_with_a_setting_that_the_job_leaves_alone_is_not_taken_for_it(ended, tmp_path):
    shutil.copytree(ended[0] / GOOD.name, tmp_path / GOOD.name)
    config = tmp_path / GOOD.name / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"num_segments": 6}))
    outcome = outlook(GOOD, tmp_path, Places())
    assert outcome.state == "failed" and "num_segments 6, expected 5" in outcome.reason


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("config.json", "{", "config.json is no JSON ("),
        ("config.json", None, "has no config.json, expected the folder of a run"),
        ("results.json", '{"deviation": ', "results.json is no JSON ("),
        ("results.json", "[]", "results.json is a list, expected a dict"),
        ("results.json", "{}", "has no deviation in results.json"),
        ("metrics.csv", "", "has no soft_mu in metrics.csv, expected a finished run"),
        ("metrics.csv", "epoch\n1\n", "has no soft_mu in metrics.csv"),
        ("phase_portrait.png", None, "has no phase_portrait.png"),
    ],
)
def test_a_damaged_folder_fails_its_job_and_the_page_is_written(ended, tmp_path, name, text, says):
    shutil.copytree(ended[0] / GOOD.name, tmp_path / GOOD.name)
    path = tmp_path / GOOD.name / name
    path.unlink() if text is None else path.write_text(text)
    outcomes, decided = reproduce.train_and_evaluate(tmp_path, workers=1, jobs="flow/*")
    outcome = {one.job.name: one for one in outcomes}[GOOD.name]
    assert outcome.state == "failed" and says in outcome.reason
    by_title = {one.title: one for one in decided}
    assert by_title["Gradient flow keeps a relation of mu and nu."].on("not run") == "orthogonal"
    assert (tmp_path / "results.html").exists()


def test_html_stands_alone_and_escapes_what_it_is_told(ended):
    html = (ended[0] / "results.html").read_text()
    assert "<b>nothing" not in html and "&lt;b&gt;nothing" in html
    sources = re.findall(r'src="(.{10})', html)
    assert sources and set(sources) == {"data:image"}
    assert not re.findall(r"<script|<link|https?://|url\(", html)


def test_markdown_shows_html_in_reasons_and_does_not_pass_it_on(tmp_path):
    image = "no <img src=x onerror=alert(1)> of AT&T"
    page.write("quick", tmp_path, [Outcome(BAD, "failed", image), Outcome(FAR, "failed", image)])
    text = (tmp_path / "results.md").read_text()
    assert "<img" not in text
    assert text.count("no &lt;img src=x onerror=alert(1)> of AT&amp;T") == 3
    assert "1 of 1 jobs failed: no &lt;img" in text and "AT&amp;T" in text


def test_markdown_has_every_finding_section_and_figure(ended):
    folder, _, decided = ended
    text = (folder / "results.md").read_text()
    for one in decided:
        assert f"### {one.title}" in text and one.rule in text
    figures = re.findall(r"\]\((figures/.*?)\)", text)
    assert figures and all((folder / figure).exists() for figure in figures)
    headings = re.findall(r"^## (.*)", text, re.M)
    assert headings[:5] == [
        "Theory",
        "Fixed focus",
        "Focus and accuracy by epoch",
        "Scores by epoch",
        "FT and the three predictions",
    ]


def test_closed_forms_are_decided_and_what_was_not_run_is_said(ended):
    by_title = {one.title: one for one in ended[2]}
    assert by_title["The learning dynamics have a closed form."].on("seen") == "theory"
    fades = by_title["Fixed focus: soft's drive to focus is large at the start and fades."]
    assert fades.rows() == [["this suite", "not run", "no job of fixed_focus"]]


def test_planned_data_that_were_not_run_stay_on_the_page_with_the_reason(tmp_path):
    held = [
        Job(name=f"held/{data}", trainer="fixed_focus", data=data, settings={})
        for data in ("orthogonal", "cifar10")
    ]
    outcomes = [Outcome(held[0], "failed", "why"), Outcome(held[1], "not run", "no cifar10")]
    for one in page.decide([], [], outcomes):
        if one.title.startswith("Fixed focus"):
            assert one.on("not run") == "orthogonal; cifar10"
            assert [row[2] for row in one.rows()] == ["failed: why", "not run: no cifar10"]


def test_jobs_and_verdicts_that_were_not_run_for_one_reason_are_one_row():
    jobs = [dataclasses.replace(FAR, name=f"far/{name}") for name in "abc"]
    states = ["not run", "not run", "failed"]
    outcomes = [Outcome(job, state, "why") for job, state in zip(jobs, states, strict=True)]
    assert page.job_rows(outcomes) == [
        ["far, 2 jobs", "captions", "not run: why"],
        ["far/c", "captions", "failed: why"],
    ]
    unknown, seen = Verdict(None, "no run"), Verdict(True, "+2")
    decided = page.Decided("title", "rule", {"a": seen, "b": unknown, "c": unknown, "d": seen})
    assert decided.rows() == [
        ["a", "seen", "+2"],
        ["b; c", "not run", "no run"],
        ["d", "seen", "+2"],
    ]


def test_conditions_that_differ_in_m_alone_are_one_name_and_many_not_run_a_number():
    seen, unknown = Verdict(True, "+2"), Verdict(None, "no run")
    m = "m\u00a0=\u00a0"
    verdicts = {f"a {m}5": seen, f"b {m}5": seen, "c": seen, f"a {m}10": seen, f"a {m}5, d": seen}
    verdicts |= dict.fromkeys("efgh", unknown)
    decided = page.Decided("title", "rule", verdicts)
    said = f"a {m}5 and 10; b {m}5; c; a {m}5, d"
    assert decided.cells() == [said, "–", "–", "e; f; g; h"]
    more = page.Decided("title", "rule", verdicts | {"i": unknown})
    assert more.cells() == [said, "–", "–", "5 conditions"]
    assert more.on("not run") == "e; f; g; h; i"


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


def test_hybrid_and_control_without_a_seed_in_common_are_no_row(tmp_path):
    runs = [
        Run(Job(name=row, trainer="sdc", data="d", settings={"seed": seed}, row=row), tmp_path)
        for row, seed in (("hybrid", 0), ("control", 1))
    ]
    assert tables.control(comparisons(runs)).rows == []
