import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "benchmarks" / "kill_resume.py"


@pytest.mark.slow
def test_runs_killed_at_random_moments_end_as_the_unbroken_one(tmp_path):
    """The long form, 200 kills, is the script's own default."""
    command = [sys.executable, str(SCRIPT), "--kills=6", "--epochs=6", "--longest=5"]
    command += [f"--folder={tmp_path / 'runs'}", f"--json={tmp_path / 'report.json'}"]
    environment = os.environ | {"MPLBACKEND": "agg"}
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["kills"] == 6 and report["finished"] >= 1
    assert report["failures"] == []
