"""The script of GPUs runs to its end on a CPU, with tiny sizes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

RUN = Path(__file__).resolve().parents[1] / "benchmarks/gpu/run.sh"


def test_it_checks_and_times_and_says_what_could_not_be_run(tmp_path, monkeypatch):
    for name in ("jax", "torch"):
        pytest.importorskip(name, reason="it compares JAX with PyTorch")
    monkeypatch.setenv("OUT", str(tmp_path))
    monkeypatch.setenv("PYTHON", sys.executable)
    sizes = "--batch_size 4 --segments 2 --num_images 8 --rounds 2 --steps 2 --warm_up 2"
    chosen = "--attention lvml --dtype float32 --contestants jax torch torch_graph --device cpu"
    said = subprocess.run(
        ["bash", RUN, *sizes.split(), *chosen.split()],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert said.returncode == 0, said.stderr[-2000:]
    report = json.loads((tmp_path / "gpu_step.json").read_text())
    assert [check["contestant"] for check in report["checks"]] == ["jax", "torch"]
    assert all(check["error"] < 1e-4 for check in report["checks"])
    (case,) = report["results"]
    assert case["ms"].keys() == {"jax", "torch"} and min(case["ms"].values()) > 0
    assert "CUDA" in case["errors"]["torch_graph"] and report["not_run"] == []
