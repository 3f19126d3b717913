import subprocess
import sys

import pytest

from attention_zoo.report.__main__ import make


@pytest.fixture(scope="module")
def runs(make_run, tmp_path_factory):
    folder, bare = tmp_path_factory.mktemp("runs"), ("metrics", "histograms", "mosaics")
    return [str(make_run(folder / name, without=bare)) for name in ("a", "b")]


def test_one_run_gets_its_page_and_more_are_compared(runs, tmp_path):
    assert make(runs[:1], None).name == "report.html"
    page = make(runs, str(tmp_path / "page.html"))
    assert page == tmp_path / "page.html" and "2 runs side by side" in page.read_text()


def test_wrong_numbers_of_runs_are_refused(runs):
    with pytest.raises(ValueError, match="^no run is named, expected the folder of one, or of"):
        make([], None)
    with pytest.raises(ValueError, match="^output is 'x' with one run, expected two runs or more$"):
        make(runs[:1], "x")


@pytest.mark.slow
def test_the_command_says_where_the_page_is_or_what_is_wrong(runs, tmp_path):
    command = [sys.executable, "-m", "attention_zoo.report"]
    page = str(tmp_path / "page.html")
    done = subprocess.run([*command, *runs, f"--output={page}"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"written to {page}\n")
    done = subprocess.run([*command, str(tmp_path)], capture_output=True, text=True)
    expected = f"error: {tmp_path} has no config.json, expected the folder of a run"
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, expected)
