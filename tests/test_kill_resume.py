import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "benchmarks" / "kill_resume.py"


def kill(folder, kills, before="", longest=5):
    """Runs the script in a new process; returns its exit code and its report."""
    arguments = [f"--kills={kills}", "--epochs=6", f"--longest={longest}"]
    arguments += [f"--folder={folder / 'runs'}", f"--json={folder / 'report.json'}"]
    code = (
        "import runpy, sys\n"
        f"{before}\n"
        f"sys.argv = {[str(SCRIPT), *arguments]!r}\n"
        f"runpy.run_path({str(SCRIPT)!r}, run_name='__main__')\n"
    )
    environment = os.environ | {"MPLBACKEND": "agg"}
    command = [sys.executable, "-c", code]
    process = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL)
    return process.returncode, json.loads((folder / "report.json").read_text())


@pytest.mark.slow
def test_runs_killed_at_random_moments_end_as_the_unbroken_one(tmp_path):
    """The long form, 200 kills, is the script's own default."""
    code, report = kill(tmp_path, 4)
    assert report["kills"] == 4 and report["finished"] >= 1
    assert report["failures"] == [] and code == 0


FORGETFUL = """
from attention_zoo.training.checkpoints import Checkpoints
Checkpoints.restore = lambda *arguments: 0
"""


@pytest.mark.slow
def test_runs_that_begin_again_from_nothing_are_failures(tmp_path):
    """They end as the unbroken one too: only the step they go on from tells."""
    code, report = kill(tmp_path, 6, FORGETFUL, longest=15)  # some come after a checkpoint
    assert code == 1 and report["resumed"] == 0
    assert any("began at step 0" in failure for failure in report["failures"])
