import numpy as np
import pytest

import attention_zoo as az
from experiments import lost_segments
from experiments.lost_segments import lost


def test_what_is_left_on_missed_segments():
    a = np.array([[0.9, 0.1, 0.0], [0.995, 0.005, 0.0], [0.4, 0.2, 0.4], [0.1, 0.2, 0.7]])
    found = lost(a, np.array([0, 1, 1, 0]))
    assert found == {"FT": 0.25, "lost": pytest.approx(1 / 3), "left": pytest.approx(0.1)}
    right = lost(a, np.array([0, 0, 0, 2]))
    assert right["FT"] == 1.0 and np.isnan(right["lost"]) and np.isnan(right["left"])


@pytest.mark.slow
@pytest.mark.usefixtures("no_saved_model")
def test_a_row_is_of_the_runs_own_training_mosaics(tmp_path, monkeypatch, capsys):
    settings = {
        "num_examples": 64,
        "num_test_examples": 16,
        "epochs": 2,
        "batch_size": 32,
        "seed": 3,
    }
    az.train("mosaics", tmp_path / "run", dataset="sdc/digits", attention="hard", **settings)
    found = az.tasks.evaluate_finished(tmp_path / "run", split="train")
    monkeypatch.setattr("sys.argv", ["lost_segments", str(tmp_path / "run")])
    lost_segments.main()
    *_, row = capsys.readouterr().out.splitlines()
    assert row.startswith(f"| run | {100 * found.focus_accuracy:.1f} | ")
