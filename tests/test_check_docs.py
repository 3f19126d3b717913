"""The script that runs or parses what the documentation says finds what is wrong with it."""

import importlib.util
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / ".ci" / "check_docs.py"


@pytest.fixture(scope="module")
def script():
    """The script, imported as its folder's own."""
    spec = importlib.util.spec_from_file_location("check_docs", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SCRIPT.parent)
        spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def check(script):
    """(text of a page) -> (what was done, what is wrong) of each of its blocks."""
    return lambda text: [(what, fault) for _, what, fault in script.check_page(text)]


def block(code, mark="", language="bash"):
    return f"{mark}\n```{language}\n{code}\n```\n" if mark else f"```{language}\n{code}\n```\n"


NOT_RUN = "<!-- not run: hours -->"
SDC = "python -m attention_zoo.trainers.sdc"
REPORT = "python -m attention_zoo.report"
SERVE = "python -m attention_zoo.serving"


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (f"{SDC} --epochs=3 --workdir=runs/a && python examples/attention_layer.py", ""),
        (f"for seed in 0 1; do\n  {SDC} \\\n    --seed=$seed; done", ""),
        (f"{SDC} --epocs=3", "Unknown command line flag 'epocs'"),
        (f"{SDC} --epochs=three", "epochs"),
        (f"{SDC} --epochs=0", "0 is not a positive integer"),
        (f"{SDC} --learning_rate=0", "learning_rate is 0.0, expected a number above 0"),
        (f"{SDC} --inference=sharp", "value should be one of"),
        (f"for seed in 0 one; do {SDC} --seed=$seed; done", "seed"),
        (f"{SDC} more", "unknown arguments ['more']"),
        ("python -m attention_zoo.trainers.cds", "no module attention_zoo.trainers.cds"),
        ("python examples/nothing.py", "no file nothing.py in examples"),
        ("python -m experiments.learning_dynamics --dosc=x", "unrecognized arguments: --dosc=x"),
        ("python examples/attention_layer.py --x", "unknown arguments ['--x']"),
        ("python examples/attention_layer.py x", "unknown arguments ['x']"),
        ("python -m experiments.sdc_results runs/a", ""),
        ("python -m experiments.sdc_results --x", "unknown arguments ['--x']"),
        ("python -m experiments.reproduce --suite=paper", ""),
        ("python -m experiments.reproduce --suite=pape", "value should be one of"),
        ("python -m experiments.nothing", "no file nothing.py in experiments"),
        (f"{REPORT} a && {REPORT} a b --output=x.html", ""),
        (f"{REPORT} a b --otput=x.html", "Unknown command line flag 'otput'"),
        (f"{REPORT} a --output=x.html", "output is 'x.html' with one run"),
        (REPORT, "no run is named"),
        (f"{SERVE} --port=0 && attention-zoo-serve --port=0", ""),
        (f"{SERVE} --prt=0", "Unknown command line flag 'prt'"),
        ("attention-zoo-serve --prt=0", "Unknown command line flag 'prt'"),
        (f"{SERVE} more", "unknown arguments ['more']"),
        ("python -m attention_zoo.plots --x", "attention_zoo.plots is no program"),
        ("python -m attention_zoo.report.run", "attention_zoo.report.run is no program"),
        ("python -m attention_zoo.losses.none", "no module attention_zoo.losses.none"),
        ("attention-zoo-cds", "no console script 'attention-zoo-cds'"),
        ('.venv/bin/pip install -e ".[test,nothing]"', "no extra 'nothing' of the package"),
        ("pyhton -m venv", "no program 'pyhton'"),
        ("for seed in 0 1; do", "syntax error"),
    ],
)
def test_bash_that_is_not_run_is_parsed(check, code, fault):
    ((what, found),) = check(block(code, NOT_RUN))
    assert what == "parsed (hours)"
    assert fault in found and bool(fault) == bool(found)


def test_flags_are_parsed_anew_for_every_command(check):
    code = f"{SDC} --epochs=3\npython -m attention_zoo.trainers.hatexplain --network=simple"
    assert [fault for _, fault in check(block(code, NOT_RUN) * 2)] == ["", ""]


def test_a_mark_fills_in_what_is_left_to_the_reader(check):
    code = f"{SDC} --seed=SEED …"
    assert "SEED" in check(block(code, NOT_RUN))[0][1]
    assert check(block(code, "<!-- not run: hours; where SEED is 7 -->"))[0][1] == ""


def test_python_that_is_not_run_is_compiled_and_looked_up(check):
    faults = {
        "az.layers.SoftAttention(nothing)": "",
        "az.layers.SoftAttenton()": "attention_zoo.layers.SoftAttenton is not there",
        "from attention_zoo.models import FocusClassifier\nFocusClassifier.load": "",
        "from attention_zoo.models import NoSuchThing": "attention_zoo.models.NoSuchThing is not",
        "from attention_zoo.modls import Model": "attention_zoo.modls.Model is not there",
        "from attention_zoo import layers as l\nl.SoftAttenton()": "layers.SoftAttenton is not",
        "import attention_zoo.trainers.sdc\nimport numpy.nothing": "",
        "import attention_zoo.trainers.cds": "attention_zoo.trainers.cds is not there",
        "import attention_zoo\nattention_zoo.lyers.x": "attention_zoo.lyers.x is not there",
        "def": "SyntaxError",
    }
    for code, expected in faults.items():
        ((_, fault),) = check(block(code, NOT_RUN, "python"))
        assert expected in fault and bool(expected) == bool(fault)


def test_blocks_run_in_order_in_one_folder_and_share_names(check):
    page = block("import os\na = 'b'", language="python") + block("echo 4 > b")
    page += block("test -d examples") + block("assert os.path.exists(a)", language="python")
    assert [fault for _, fault in check(page)] == [""] * 4


@pytest.mark.parametrize(
    ("language", "code", "fault"),
    [("bash", "echo no >&2; exit 3", "exit code 3: no"), ("python", "1 / 0", "ZeroDivisionError")],
)
def test_a_block_that_fails_is_named(check, language, code, fault):
    ((what, found),) = check(block(code, language=language))
    assert what.startswith(f"ran {language}") and fault in found


def test_what_a_page_takes_as_given_is_done_first(check):
    assert check(block("test -f given", "<!-- first: touch given -->"))[0][1] == ""
    assert "exit code 1" in check(block("true", "<!-- first: false -->"))[0][1]


def test_what_a_block_leaves_running_ends_with_its_page(check, tmp_path):
    wait = f"sleep 600 & echo $! > {tmp_path / 'pid'}"
    page = block(wait) + block(f"kill -0 $(cat {tmp_path / 'pid'})")
    assert [fault for _, fault in check(page)] == ["", ""]
    assert _ends(int((tmp_path / "pid").read_text()))


def _ends(process, seconds=20):
    """Whether a process is gone, or waits for its parent to look, within some seconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        asked = subprocess.run(["ps", "-o", "stat=", "-p", str(process)], capture_output=True)
        if asked.stdout.strip()[:1] in (b"", b"Z"):
            return True
        time.sleep(0.05)
    return False


def test_commands_within_a_line_are_parsed_outside_blocks_only(check):
    (one,) = check(f"Give `{SDC} --epocs=1` or `--epocs`.\n")
    assert "epocs" in one[1]
    for language in ("json", "text"):
        assert check(block("`python -m attention_zoo.nothing`", language=language)) == []
    assert check("`python benchmarks/hatexplain_throughput.py`")[0][1] == ""


@pytest.mark.parametrize(
    "text",
    [
        "```console\n$ ls\n```\n",
        "```\nls\n```\n",
        "~~~bash\nls\n~~~\n",
        "````bash\nls\n````\n",
        "```bash title=x\nls\n```\n",
        "```json5\n{}\n```\n",
        "1. List:\n   ```bash\n   ls\n   ```\n",
        "> ```bash\n> ls\n> ```\n",
        "Text:\n\n    ls\n",
        "Text:\n\n\tls\n",
    ],
)
def test_a_block_that_cannot_be_checked_is_a_fault(script, text):
    page = block("true") + "\n" + text + "\n" + block('if True:\n\n    "text"', "", "python")
    ((line, fault),) = [(line, fault) for line, _, fault in script.check_page(page) if fault]
    first = page.splitlines()[line - 1].strip()
    assert first in text and line > 4 and f"begins with {first!r}, expected ```bash" in fault


def test_a_block_that_does_not_end_is_a_fault(check):
    (one,) = check("```bash\nls\n")
    assert one[1].startswith("begins with '```bash', expected ```bash")


def test_blocks_of_the_ci_are_left_to_it(check):
    assert check(block("exit 1", "<!-- ci: test -->")) == [("elsewhere (ci: test)", "")]


def test_the_program_ends_with_1_where_a_block_fails(tmp_path):
    """Two pages at once, said in their order."""
    good, bad = tmp_path / "good.md", tmp_path / "bad.md"
    good.write_text(block("sleep 1"))
    bad.write_text("\n" + block("false"))
    command = [sys.executable, SCRIPT, good, bad]
    done = subprocess.run(command, capture_output=True, text=True)
    first, second, counts = done.stdout.splitlines()
    assert done.returncode == 1 and counts == "1 ran, 1 failed"
    assert first.startswith(f"{good}:2: ran bash, 1.") and second.startswith(f"{bad}:3: ran bash")
    assert subprocess.run([*command[:2], good], capture_output=True).returncode == 0
