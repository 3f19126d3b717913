"""The page of a sweep: grouped by setting, whatever the number of runs."""

import json
from types import SimpleNamespace

import pytest

from attention_zoo import report


@pytest.fixture
def swept(tmp_path, read_page, about_of):
    """Makes the page of a sweep.

    (list of (settings, test figures or None), other results by run, settings in common) -> page.
    """

    def make(runs, facts=None, examples="mosaics", **common):
        jobs = []
        for settings, figures in runs:
            job = SimpleNamespace(
                name=",".join(f"{k}={v}" for k, v in settings.items()), settings=settings
            )
            jobs.append(job)
            if figures is not None:
                folder = tmp_path / job.name
                folder.mkdir()
                about = about_of("mosaics")
                about["words"] = about["words"] | {"examples": examples}
                contents = {"config": common | settings, "about": about}
                contents["results"] = {"test": figures} | (facts or {}).get(job.name, {})
                for name, content in contents.items():
                    (folder / f"{name}.json").write_text(json.dumps(content))
        report.write_sweep(tmp_path, jobs)
        return read_page(tmp_path / "sweep.html")

    return make


def grid(figure, *seeds):
    """Two attentions, two rates, some seeds; `figure` of (attention, rate, seed)."""
    return [
        ({"attention": a, "learning_rate": rate, "seed": s}, {"focus_accuracy": figure(a, rate, s)})
        for a in ("soft", "lvml")
        for rate in (0.1, 0.2)
        for s in seeds
    ]


CAPTION = "Test mosaics: mean ± standard deviation over seeds"


def test_rows_stand_below_the_first_setting_that_varies_and_the_best_mean_is_marked(swept):
    page = swept(grid(lambda a, rate, s: 0.5 + (a == "lvml") * rate + s / 100, 0, 2))
    assert page.tables[CAPTION] == [
        ["learning_rate", "runs", "focus true (FT)"],
        ["attention soft"],
        ["0.1", "2", "51.0% ± 1.4"],
        ["0.2", "2", "51.0% ± 1.4"],
        ["attention lvml"],
        ["0.1", "2", "61.0% ± 1.4"],
        ["0.2", "2", "71.0% ± 1.4"],
    ]
    assert page.marked[CAPTION] == ["71.0% ± 1.4"]
    assert page.terms["focus true (FT)"] == (
        "share of the mosaics whose true segment is known in which the most attended image hits "
        "the true segment"
    )
    assert page.faults == [] and all(one.startswith(("#", "./", "s")) for one in page.links)


def test_the_caption_keeps_the_capitals_of_the_tasks_words(swept):
    page = swept([({"seed": 0}, {"focus_accuracy": 0.5})], examples="MRI slices")
    assert "Test MRI slices: mean ± standard deviation over seeds" in page.tables


def test_the_best_mean_is_marked_whatever_the_order_of_the_jobs(swept):
    runs = grid(lambda a, rate, s: 0.5 + (a == "soft") * rate, 0)
    page = swept([runs[3], runs[1], runs[2], runs[0]])
    assert page.tables[CAPTION][1:] == [
        ["attention lvml"],
        ["0.2", "1", "50.0%"],
        ["0.1", "1", "50.0%"],
        ["attention soft"],
        ["0.2", "1", "70.0%"],
        ["0.1", "1", "60.0%"],
    ]
    assert page.marked[CAPTION] == ["70.0%"]


def test_no_mean_is_the_best_where_the_data_differ(swept):
    runs = [({"num_segments": m, "seed": 0}, {"focus_accuracy": 1 / m}) for m in (5, 10)]
    page = swept(runs)
    assert page.marked[CAPTION] == [] and "the runs are of different data" in page.text


@pytest.mark.parametrize(
    ("settings", "row"),
    [({"seed": 0}, ["all runs", "1", "50.0%"]), ({"epochs": 3}, ["3", "1", "50.0%"])],
)
def test_one_run_is_a_row(swept, settings, row):
    page = swept([(settings, {"focus_accuracy": 0.5})])
    assert page.tables[CAPTION][1:] == [row]
    assert "1 of 1 run finished" in page.text


def test_runs_that_were_warned_of_are_named_beside_the_means_that_hide_them(swept):
    warned = {"seed=1": {"dead_epoch": 2, "saturated_epoch": 3}, "seed=2": {"dead_epoch": None}}
    page = swept([({"seed": s}, {"focus_accuracy": 0.5}) for s in (0, 1, 2)], warned)
    said = "the focus network is dead since epoch 2; the scores have run away since epoch 3"
    assert f"seed=1: {said}" in page.text and page.text.count("since epoch") == 2
    assert "Warnings, of 1 of 3 runs" in page.text and page.faults == []


def test_no_warning_is_no_list_of_warnings(swept):
    assert "Warnings" not in swept([({"seed": 0}, {"focus_accuracy": 0.5})]).text


def test_what_is_not_finished_is_listed_and_no_results_are_no_table(swept):
    page = swept([({"seed": 0}, None), ({"seed": 1}, None)])
    assert page.tables == {} and "0 of 2 runs finished" in page.text
    assert page.text.count("not finished") == 2


def test_a_task_with_measures_of_its_own_has_these(swept):
    page = swept([({"seed": 0}, {"tilt": 0.25, "argmax_tilt": 0.5})])
    assert page.tables[CAPTION] == [
        ["", "runs", "tilt", "tilt by argmax"],
        ["all runs", "1", "0.250", "0.500"],
    ]


@pytest.mark.parametrize("tilts", [(0.5, float("nan")), (float("inf"), -float("inf"))])
def test_what_is_not_known_of_one_seed_is_not_known_of_the_mean(swept, tilts):
    page = swept([({"seed": s}, {"tilt": tilt}) for s, tilt in enumerate(tilts)])
    assert page.tables[CAPTION][1:] == [["all runs", "2", "–"]]


def test_a_damaged_run_counts_as_not_finished(swept):
    page = swept([({"seed": 0}, {"focus_accuracy": 0.5}), ({"seed": 1}, "half a file")])
    assert page.tables[CAPTION][1:] == [["all runs", "1", "50.0%"]]
    assert "1 of 2 runs finished" in page.text
