"""Sweeps: which runs there are, what they sum up to, and that they go on where they stopped."""

import csv
import dataclasses
import functools
import json
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import attention_zoo as az
from attention_zoo.report import sweep as page
from attention_zoo.tasks import MosaicsTask, TextTask
from attention_zoo.tasks.mosaics_config import MosaicsConfig
from attention_zoo.trainers.sweep import grid_of
from attention_zoo.training import sweep
from attention_zoo.training.preemption import Preempted

pytestmark = pytest.mark.usefixtures("no_saved_model")

TINY = {"num_examples": 64, "num_test_examples": 32, "batch_size": 32, "epochs": 1}


def test_a_value_twice_is_no_second_run():
    with pytest.raises(
        ValueError, match=r"^seed of the grid is \[0, 1, 0\], expected no value twice$"
    ):
        sweep.jobs_of({"seed": [0, 1, 0]})


def test_a_job_for_every_combination_seeds_last():
    jobs = sweep.jobs_of({"seed": [0, 1], "attention": ["soft", "lvml"], "learning_rate": [0.1]})
    assert [job.name for job in jobs] == [
        "attention=soft,learning_rate=0.1,seed=0",
        "attention=soft,learning_rate=0.1,seed=1",
        "attention=lvml,learning_rate=0.1,seed=0",
        "attention=lvml,learning_rate=0.1,seed=1",
    ]
    assert jobs[1].settings == {"attention": "soft", "learning_rate": 0.1, "seed": 1}
    names = [job.name for job in sweep.jobs_of({"dataset": ["sdc/digits", "../x"]})]
    assert names == ["dataset=sdc_digits", "dataset=.._x"]


def test_texts_of_flags_become_lists_ranges_and_values():
    given = {"seed": "0:3", "learning_rate": "0.1,0.02", "attention": "soft", "epochs": "7"}
    assert grid_of(MosaicsTask.config, given) == (
        {"seed": [0, 1, 2], "learning_rate": [0.1, 0.02]},
        {"attention": "soft", "epochs": 7},
    )
    for wrong, message in (
        ({"epochs": "many"}, "^epochs is 'many', expected a whole number$"),
        ({"epochs": "1,0"}, "^epochs is 0, expected 1 or more$"),
        ({"speed": "1"}, "^unknown setting 'speed', expected some of"),
    ):
        with pytest.raises(ValueError, match=message):
            grid_of(MosaicsTask.config, wrong)


def test_means_and_deviations_over_seeds():
    rng = np.random.default_rng(0)
    values = rng.uniform(size=(2, 3))
    settings = [{"attention": name, "seed": s} for name in ("soft", "lvml") for s in range(3)]
    rows = [{"run": "", "seed": 0, "test/nll": float(v)} for v in values.ravel()]
    groups = page.summarised(rows, settings, ["attention"])
    for group, name, of in zip(groups, ("soft", "lvml"), values):
        assert group["settings"] == {"attention": name} and group["runs"] == 3
        mean, sd = group["figures"]["test/nll"]
        assert mean == pytest.approx(of.mean()) and sd == pytest.approx(of.std(ddof=1))
        assert "seed" not in group["figures"]
    (alone,) = page.summarised(rows[:1], settings[:1], [])
    assert math.isnan(alone["figures"]["test/nll"][1])


@pytest.fixture
def in_this_process(monkeypatch):
    """Jobs run here, not in processes of their own; returns the names of those that did."""
    ran = []

    def run(function, workdir, settings, log, threads, stop):
        ran.append(workdir.name)
        try:
            function(str(workdir), **settings)
        except ValueError as error:
            return str(error)
        return ""

    monkeypatch.setattr(sweep, "run_in_process", run)
    return ran


def test_what_is_finished_is_not_run_again_and_one_that_fails_stops_no_other(
    tmp_path, in_this_process
):
    told: list = []
    common = TINY | {"network": "linear", "attention": "soft"}
    grid = {"seed": [0, 1], "train_split": ["train[:90%]", "train[:0]"]}
    task = MosaicsTask()
    first = sweep.run_sweep(task, tmp_path, grid, only=1, **common)
    assert first == {"train_split=train[_90%],seed=1": ""}
    outcomes = sweep.run_sweep(task, tmp_path, grid, tell=told.append, **common)
    failed = [name for name, reason in outcomes.items() if reason]
    assert len(in_this_process) == 4 and len(outcomes) == 4  # one was finished
    assert len(failed) == 2 and all("train[_0]" in name for name in failed)
    assert sum(line.endswith(": done") for line in told) == 2
    rows = az.report.load(*(tmp_path / name for name in outcomes if name not in failed))
    with (tmp_path / "summary.csv").open(newline="") as file:
        (summary,) = csv.DictReader(file)
    accuracies = [row["test/soft_accuracy"] for row in rows]
    assert float(summary["test/soft_accuracy mean"]) == pytest.approx(np.mean(accuracies))
    text = (tmp_path / "sweep.html").read_text()
    assert "2 of 4 runs finished" in text and "train[:90%]" in text


def test_bad_settings_of_any_job_stop_all_before_the_first(tmp_path, in_this_process):
    with pytest.raises(ValueError, match="^epochs is 0, expected 1 or more$"):
        sweep.run_sweep(MosaicsTask(), tmp_path / "s", {"epochs": [1, 0]}, **TINY | {"epochs": 1})
    with pytest.raises(ValueError, match="^only is 2, expected 0 to 1: there are 2$"):
        sweep.run_sweep(MosaicsTask(), tmp_path / "s", {"seed": [0, 1]}, only=2)
    assert not in_this_process and not (tmp_path / "s").exists()


def test_a_setting_with_no_value_is_a_line(tmp_path, in_this_process):
    with pytest.raises(ValueError, match=r"^seed of the grid is \[\], expected one value or more$"):
        sweep.run_sweep(MosaicsTask(), tmp_path / "s", {"seed": []})
    assert not (tmp_path / "s").exists()


def test_runs_that_end_while_the_pages_are_written_are_on_them(tmp_path, monkeypatch):
    """Jobs of a cluster's array are processes that know nothing of each other."""
    jobs, written = [sweep.Job(name, {}) for name in "ab"], []

    def write(folder, jobs, others):
        written.append([job.name for job in jobs if sweep.is_finished(folder / job.name)])
        (folder / "b").mkdir(exist_ok=True)
        (folder / "b" / "results.json").write_text("{}")  # the other process, just now

    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "results.json").write_text("{}")
    monkeypatch.setattr(sweep.report, "write_sweep", write)
    sweep._write_pages(tmp_path, jobs, lambda finished: {})
    assert written == [["a"], ["a", "b"]]


def test_a_finished_run_of_other_settings_is_not_taken_for_it(tmp_path, in_this_process):
    common = TINY | {"network": "linear", "attention": "soft"}
    sweep.run_sweep(MosaicsTask(), tmp_path, {"seed": [0]}, **common)
    found = sweep.run_sweep(MosaicsTask(), tmp_path, {"seed": [0]}, **common | {"epochs": 2})
    (reason,) = found.values()
    assert reason.startswith(f"{tmp_path}/seed=0 holds a run with epochs 1, expected 2: move it")
    assert "holds a run with other settings" in (tmp_path / "sweep.html").read_text()
    assert (tmp_path / "summary.csv").read_text().strip() == ""  # no mean has it in


def _write_posts(folder, of_test):
    folder.mkdir(exist_ok=True)
    for split, words in (("train", "good"), ("validation", "fine"), ("test", of_test)):
        posts = [{"tokens": [words, f"w{i}"], "label": "ab"[i % 2]} for i in range(8)]
        (folder / f"{split}.jsonl").write_text("\n".join(map(json.dumps, posts)))


@pytest.mark.parametrize("only", [None, pytest.param(1, marks=pytest.mark.slow)])
def test_a_run_on_data_that_changed_since_is_not_averaged(tmp_path, in_this_process, only):
    told: list = []
    common = {"dataset": "json_lines", "data_dir": str(tmp_path / "posts"), "attention": "soft"}
    common |= {"epochs": 1, "batch_size": 4, "subwords": 0, "embedding_size": 4}
    for of_test, seeds, number in (("old", [0], None), ("new", [0, 1], only)):
        _write_posts(tmp_path / "posts", of_test)
        found = sweep.run_sweep(
            TextTask(), tmp_path / "s", {"seed": seeds}, only=number, tell=told.append, **common
        )
    reason = (
        f"{tmp_path}/s/seed=0 holds a run on other data than seed=1, which was begun after it "
        "(test changed): "
        "move it away or name another folder"
    )
    assert found == {"seed=1": ""} | ({} if only else {"seed=0": reason})
    assert told[-2:] == ["seed=1: done", f"seed=0: {reason}"]
    with (tmp_path / "s/summary.csv").open(newline="") as file:
        assert [row["runs"] for row in csv.DictReader(file)] == ["1"]
    assert "holds a run with other settings or on other data" in (
        (tmp_path / "s/sweep.html").read_text()
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class NoisyConfig(MosaicsConfig):
    noise: float = 0.0


class NoisyMosaics(MosaicsTask):
    """A task of one's own, whose data follow a setting that `data_settings` does not name."""

    config = NoisyConfig


SAYS_NOTHING = SimpleNamespace(name="own", data_settings=(), file_settings=())  # of its data


@pytest.mark.parametrize(
    ("task", "settings", "is_other"),
    [
        (TextTask(), [{"seed": 0}, {"seed": 1}], True),
        (TextTask(), [{"seed": 0, "learning_rate": 1}, {"seed": 0, "learning_rate": 2}], True),
        (TextTask(), [{"data_dir": "a"}, {"data_dir": "b"}], False),
        (MosaicsTask(), [{"dataset": "sdc/digits", "seed": i} for i in range(2)], False),
        (MosaicsTask(), [{"dataset": "sdc/digits", "epochs": i} for i in range(2)], True),
        (NoisyMosaics(), [{"dataset": "sdc/digits", "noise": i} for i in range(2)], False),
        (NoisyMosaics(), [{"dataset": "sdc/digits", "epochs": i} for i in range(2)], True),
        (SAYS_NOTHING, [{"rows": 1}, {"rows": 2}], False),
    ],
)
def test_runs_are_compared_whose_data_should_be_equal(task, settings, is_other):
    defaults = {"dataset": "json_lines"}
    runs = {
        name: SimpleNamespace(
            path=Path(name),
            task=task.name,
            about={"began": began},
            config=defaults | own,
            data={"test": name},
        )
        for (name, began), own in zip({"a": "2026-02", "b": "2026-01"}.items(), settings)
    }
    assert [*sweep._of_other_data(task, runs)] == (["b"] if is_other else [])


def test_files_of_a_model_are_compared_where_they_are_at_one_place():
    def found(*places):
        runs = {
            place + str(i): SimpleNamespace(
                path=Path(place),
                task="text",
                about={},
                config={"dataset": "hatexplain", "word_vectors": place},
                data={"word_vectors": str(i)},
            )
            for i, place in enumerate(places)
        }
        return [*sweep._of_other_data(TextTask(), runs)]

    assert found("a", "a") == ["a0"] and found("a", "b") == []


def test_no_weight_decay_is_null_in_runs_of_earlier_versions(tmp_path, in_this_process):
    common = TINY | {"network": "linear", "attention": "soft", "weight_decay": 0}
    sweep.run_sweep(MosaicsTask(), tmp_path, {"seed": [0]}, **common)
    config = tmp_path / "seed=0" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"weight_decay": None}))
    for decay, is_same in ((0, True), (0.1, False)):
        found = sweep.run_sweep(
            MosaicsTask(), tmp_path, {"seed": [0]}, **common | {"weight_decay": decay}
        )
        assert (found["seed=0"] == "") == is_same
    assert len(in_this_process) == 1


def test_the_epoch_of_a_switch_that_a_run_works_out_is_its_own(tmp_path, in_this_process):
    common = TINY | {"network": "linear", "attention": "hybrid", "epochs": 4}
    for _ in range(2):
        assert sweep.run_sweep(MosaicsTask(), tmp_path, {"seed": [0]}, **common) == {"seed=0": ""}
    assert len(in_this_process) == 1
    kept = json.loads((tmp_path / "seed=0/config.json").read_text())
    own = 1 + kept["switch_epoch"]
    found = sweep.run_sweep(MosaicsTask(), tmp_path, {"seed": [0]}, **common, switch_epoch=own)
    assert f"switch_epoch {own - 1}, expected {own}: move it" in found["seed=0"]


def test_jobs_may_be_of_several_tasks_and_of_functions(tmp_path, in_this_process):
    """What is no task is known by what its `record` says; places are left out of that."""

    def fill(workdir, size, place=None):
        folder = Path(workdir)
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps({"size": size, "place": place}))
        (folder / "results.json").write_text("{}")

    tiny = TINY | {"network": "linear", "attention": "soft"}
    trainers = {
        "mosaics": sweep.trainer_of(MosaicsTask(), **tiny),
        "own": sweep.Trainer(functools.partial(fill, place="here"), lambda size: {"size": size}),
    }
    jobs = [sweep.Job("mosaics/soft_0", {"seed": 0}), sweep.Job("own/a", {"size": 3})]

    def run(jobs, told):
        return sweep.run_jobs(
            jobs, tmp_path, lambda job: trainers[job.name.split("/")[0]], tell=told.append
        )

    told: list = []
    assert run(jobs, told) == {"mosaics/soft_0": "", "own/a": ""}
    assert in_this_process == ["soft_0", "a"] and told == ["mosaics/soft_0: done", "own/a: done"]
    trainers["own"] = sweep.Trainer(functools.partial(fill, place="there"), trainers["own"].record)
    assert run(jobs, told) == {"mosaics/soft_0": "", "own/a": ""}
    other = run([jobs[0], sweep.Job("own/a", {"size": 4})], told)
    assert "own/a holds a run with size 3, expected 4: move it away" in other["own/a"]
    assert len(in_this_process) == 2


def test_a_signal_leaves_the_rest_for_the_same_command(tmp_path, monkeypatch):
    def stopped(function, workdir, settings, log, threads, stop):
        stop.requested = True
        return "Preempted: saved"

    monkeypatch.setattr(sweep, "run_in_process", stopped)
    with pytest.raises(Preempted, match="^SIGTERM: 3 jobs are left, expected the same command"):
        sweep.run_sweep(MosaicsTask(), tmp_path, {"seed": [0, 1, 2]})


def test_a_page_of_many_runs_has_a_row_a_setting(tmp_path):
    jobs = []
    for i, rate in enumerate(np.linspace(0.01, 0.4, 40)):
        for seed in range(3):
            settings = {"learning_rate": rate, "seed": seed}
            job = SimpleNamespace(name=f"{i}_{seed}", settings=settings)
            (tmp_path / job.name).mkdir()
            figures = {"test": {"focus_accuracy": 0.5 + seed / 100}}
            (tmp_path / job.name / "results.json").write_text(json.dumps(figures))
            (tmp_path / job.name / "config.json").write_text(json.dumps(settings))
            jobs.append(job)
    az.report.write_sweep(tmp_path, jobs)
    text = (tmp_path / "sweep.html").read_text()
    assert text.count("<tr>") == 1 + 40
    assert "51.0% ± 1.0" in text


@pytest.mark.slow
def test_in_processes_of_their_own(tmp_path):
    settings = TINY | {"network": "linear", "attention": "soft"}
    outcomes = az.sweep("mosaics", tmp_path, {"seed": [0, 1]}, workers=2, **settings)
    assert list(outcomes.values()) == ["", ""]
    assert (tmp_path / "seed=0/results.json").exists()
    assert "step" in (tmp_path / "logs/seed=0.txt").read_text()


def test_a_damaged_run_is_not_one_of_other_settings(tmp_path, in_this_process):
    common = TINY | {"network": "linear", "attention": "soft"}
    sweep.run_sweep(MosaicsTask(), tmp_path, {"seed": [0]}, **common)
    (tmp_path / "seed=0" / "results.json").write_text("half a fi")
    sweep.run_sweep(MosaicsTask(), tmp_path, {"seed": [0]}, **common)
    assert "not finished" in (tmp_path / "sweep.html").read_text()
