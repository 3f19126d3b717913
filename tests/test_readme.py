"""The README's example does what it says."""

import contextlib
import io
import re
from pathlib import Path

import numpy as np

README = Path(__file__).resolve().parents[1] / "README.md"


def test_the_example_finds_the_segment_that_decides(tmp_path, monkeypatch):
    code = re.search(r"<!-- ci: example -->\n```python\n(.*?)```", README.read_text(), re.S)[1]
    assert len([line for line in code.splitlines() if line.strip()]) <= 20
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(code, names)
    outputs = names["model"].predict(names["segments"], verbose=0)
    assert np.mean(outputs["focus"].argmax(-1) == names["focus"]) > 0.9
    assert np.mean(outputs["label"].argmax(-1) == names["labels"]) > 0.9
    assert (tmp_path / "model.keras").exists()
