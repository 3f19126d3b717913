"""The scripts behind the tables of docs: kinds of run, means over seeds, the jobs of a sweep."""

import json
from pathlib import Path

import pytest

from attention_zoo.report import measures
from experiments import captions_results, hatexplain_results, sdc_results, switch_sweep
from experiments.reproduction import tables
from experiments.results import by_kind, markdown, runs_by_kind, spread


def test_folders_that_differ_in_the_last_number_are_of_one_kind():
    found = by_kind(["runs/soft_0", "other/soft_12", "runs/soft_0_1", "runs/hard"])
    soft = [Path("runs/soft_0"), Path("other/soft_12")]
    assert found == {"soft": soft, "soft_0": [Path("runs/soft_0_1")], "hard": [Path("runs/hard")]}


def test_runs_of_a_kind_differ_in_their_seed_alone(tmp_path):
    for m, seed, folder in ((5, 0, "a"), (5, 1, "b"), (10, 2, "a")):
        run = tmp_path / folder / f"soft_{seed}"
        run.mkdir(parents=True)
        config = {"seed": seed, "num_segments": m, "data_dir": folder}
        (run / "config.json").write_text(json.dumps(config))
    same, other = [tmp_path / "a/soft_0", tmp_path / "b/soft_1"], tmp_path / "a/soft_2"
    assert runs_by_kind(same) == {"soft": same}
    message = "^runs of soft differ in num_segments .*, expected other seeds alone$"
    with pytest.raises(SystemExit, match=message):
        runs_by_kind([*same, other])


def test_a_seed_counts_once(tmp_path):
    """One run given twice, or two runs of a seed, are no two seeds."""
    runs = [tmp_path / folder / f"soft_{i}" for folder, i in (("a", 0), ("b", 0), ("a", 1))]
    for run, seed in zip(runs, (0, 0, 1), strict=True):
        run.mkdir(parents=True)
        (run / "config.json").write_text(json.dumps({"seed": seed}))
    assert runs_by_kind(runs[1:]) == {"soft": runs[1:]}
    for given, names in ((runs, runs[:2]), ([runs[2], runs[0], runs[2]], [runs[2]] * 2)):
        with pytest.raises(SystemExit) as refused:
            runs_by_kind(given)
        first, second = names
        said = f"runs of soft have seed {{}} twice ({first}, {second}), expected other seeds"
        assert str(refused.value) == said.format(int(given is not runs))


def test_ways_to_predict_and_cells_are_those_of_reports():
    for script in (sdc_results, captions_results, tables):
        assert script.WAYS is measures.WAYS
    assert sdc_results.BREAKDOWN is tables.BREAKDOWN is measures.BREAKDOWN


@pytest.mark.parametrize(
    ("config", "way"),
    [
        ({"attention": "soft"}, "soft"),
        ({"attention": "hybrid", "second_attention": "hard"}, "argmax"),
        ({"attention": "hybrid", "second_attention": "soft"}, "soft"),
        ({"attention": "hybrid", "second_attention": "lvml"}, "marginal"),
        ({"attention": "soft", "inference": "argmax"}, "argmax"),
    ],
)
def test_a_run_on_posts_is_read_in_its_own_way(config, way):
    ways = ("argmax", "marginal", "soft")
    test = {f"{one}_{name}": one for one in ways for name in hatexplain_results.BY_WAY}
    found = hatexplain_results.figures(test, {"inference": "auto"} | config)
    assert {found[name] for name in hatexplain_results.BY_WAY} == {way}


def test_spread_is_the_mean_and_half_the_range():
    assert spread([1.0, 2.0, 6.0]) == "3.0 ± 2.5" and spread([1.26]) == "1.3" and spread([]) == ""
    assert spread([0.5, 0.75], decimals=3) == "0.625 ± 0.125"


def test_tables_leave_open_what_a_run_does_not_have():
    head = "| a | b |\n| --- | --- |\n| 1 |  |"
    assert markdown(["a", "b"], [["1", ""]]) == head
    of_posts = hatexplain_results.table({"x": [{"accuracy": 0.5}, {"accuracy": 0.7}]}, ["accuracy"])
    assert of_posts.splitlines()[-1] == "| x | 2 | 60.0 ± 10.0 |"
    of_captions = captions_results.scores(
        {"x": [{"cider": 0.5}], "y": [{"words": 8}, {"words": 9}]}
    )
    assert of_captions.splitlines()[::2] == ["|  | CIDEr | words |", "| x | 50.0 |  |"]
    assert of_captions.splitlines()[-1] == "| y |  | 8.5 ± 0.5 |"


def test_a_captioners_own_way_is_bold_and_told_beside_the_best():
    def perplexities(own, *values):
        by_way = dict(zip(captions_results.WAYS, values, strict=True))
        named = {f"{way}_perplexity": value for way, value in by_way.items()}
        return named | {"perplexity": by_way[own]}

    runs = {
        "hard": [
            perplexities("argmax", 30.0, 28.0, 29.0),
            perplexities("argmax", 32.0, 29.0, 31.0),
        ],
        "uniform": [perplexities("soft", 80.0, 34.0, 28.5), perplexities("soft", 84.0, 33.0, 28.7)],
    }
    rows = captions_results.perplexities(runs).splitlines()[2:]
    assert rows[0] == "| hard | 2 | **31.0 ± 1.0** | 28.5 ± 0.5 | 30.0 ± 1.0 |"
    assert rows[1] == "| uniform | 2 | 82.0 ± 2.0 | 33.5 ± 0.5 | **28.6 ± 0.1** |"
    kinds = {kind: {"attention": kind} for kind in runs}
    text = "uniform attention in perplexity"
    assert list(captions_results.against_uniform(runs, kinds)) == [
        f"hard does not beat {text}: 31.00 against 28.60, in every seed.",
        f"hard, marginal beats {text}: 28.50 against 28.60, but seeds overlap.",
    ]


def test_the_results_of_runs_by_epoch_and_in_the_end(tmp_path, monkeypatch, capsys):
    cells = dict.fromkeys(sdc_results.BREAKDOWN, 0.25) | {"accuracy": 0.5}
    figures = {f"{way}_{name}": value for way in sdc_results.WAYS for name, value in cells.items()}
    for seed, ft in enumerate((0.4, 0.8)):
        run = tmp_path / f"soft_{seed}"
        run.mkdir()
        test = figures | {"focus_accuracy": ft, "entropy": 1.0}
        (run / "results.json").write_text(json.dumps({"test": test}))
        (run / "config.json").write_text(json.dumps({"seed": seed}))
        curves = f"focus_accuracy,val_focus_accuracy\n0.1,{ft}\n"
        (run / "metrics.csv").write_text(curves)
    folders = [str(tmp_path / f"soft_{seed}") for seed in range(2)]
    monkeypatch.setattr("sys.argv", ["sdc_results", *folders])
    sdc_results.main()
    said = capsys.readouterr().out
    assert "| soft | 2 | 60.0 ± 20.0 | 1.00 | **50.0 ± 0.0** 25.0 25.0 25.0 25.0 |" in said
    assert said.count("Final, on") == 1 and "| 1 | 60.0 |" in said and "| 1 | 10.0 |" in said


def test_a_switch_sweep_has_a_control_for_every_epoch_and_every_signal():
    args = switch_sweep._parser().parse_args(["--switch_epochs=1,2", "--seeds=2"])
    jobs = switch_sweep.jobs_of(args)
    names = ["hybrid_1", "control_1_soft", "hybrid_2", "control_2_soft"]
    names += ["focus_stalled_focus_stalled", "focus_drive_focus_drive"]
    assert [job.name for job in jobs] == [f"{name}_{seed}" for seed in (0, 1) for name in names]
    assert jobs[1].settings == {"switch_epoch": 1, "second_attention": "soft", "seed": 0}


@pytest.mark.parametrize("kind", ["hybrid_1", "control_1_soft", "focus_drive_focus_drive"])
def test_a_row_of_a_switch_sweep(tmp_path, kind):
    job = switch_sweep.Job(f"{kind}_3", {"seed": 3})
    (tmp_path / job.name).mkdir()
    test = dict.fromkeys(switch_sweep.FIGURES, 0.5)
    results = json.dumps({"test": test, "switched_epoch": 4})
    (tmp_path / job.name / "results.json").write_text(results)
    name = next(k for k in ("hybrid", "control", "focus_drive") if kind.startswith(k))
    assert switch_sweep.row(job, tmp_path) == {"kind": name, "seed": 3, "switched": 4} | test
