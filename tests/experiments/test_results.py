"""The scripts behind the tables of docs: kinds of run, means over seeds, the jobs of a sweep."""

import json
from pathlib import Path

import pytest

from experiments import captions_results, hatexplain_results, sdc_results, switch_sweep
from experiments.results import by_kind, markdown, spread


def test_folders_that_differ_in_the_last_number_are_of_one_kind():
    found = by_kind(["runs/soft_0", "other/soft_12", "runs/soft_0_1", "runs/hard"])
    soft = [Path("runs/soft_0"), Path("other/soft_12")]
    assert found == {"soft": soft, "soft_0": [Path("runs/soft_0_1")], "hard": [Path("runs/hard")]}


def test_spread_is_the_mean_and_half_the_range():
    assert spread([1.0, 2.0, 6.0]) == "3.0 ± 2.5" and spread([1.26]) == "1.3" and spread([]) == ""
    assert spread([0.5, 0.75], decimals=3) == "0.625 ± 0.125"


def test_tables_leave_open_what_a_run_does_not_have():
    head = "| a | b |\n| --- | --- |\n| 1 |  |"
    assert markdown(["a", "b"], [["1", ""]]) == head
    of_posts = hatexplain_results.table({"x": [{"accuracy": 0.5}, {"accuracy": 0.7}]}, ["accuracy"])
    assert of_posts.splitlines()[-1] == "| x | 2 | 60.0 ± 10.0 |"
    of_captions = captions_results.table({"x": [{"cider": 0.5}]}).splitlines()[-1]
    assert of_captions.startswith("| x | 1 |  |  |") and "| 50.0 |" in of_captions


def test_the_results_of_runs_by_epoch_and_in_the_end(tmp_path, monkeypatch, capsys):
    cells = dict.fromkeys(sdc_results.CELLS, 0.25) | {"accuracy": 0.5}
    figures = {f"{way}_{name}": value for way in sdc_results.WAYS for name, value in cells.items()}
    for seed, ft in enumerate((0.4, 0.8)):
        run = tmp_path / f"soft_{seed}"
        run.mkdir()
        test = figures | {"focus_accuracy": ft, "entropy": 1.0}
        (run / "results.json").write_text(json.dumps({"test": test}))
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
