"""A damaged or hostile file of a run gives a page or one line, never a traceback."""

import json
import random
import runpy
from pathlib import Path

import pytest

from attention_zoo import report

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "run_attacks_json.py"
ATTACK = runpy.run_path(str(SCRIPT))
FILES = ("config", "about", "results", "histograms", "examples")


@pytest.fixture(scope="module")
def run(make_run, tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("damaged") / "run")


@pytest.fixture
def put(run):
    """(name, text) -> puts it into the run's folder; all is sound again afterwards."""
    before = {path: path.read_bytes() for path in run.iterdir()}
    yield lambda name, text: (run / name).write_text(text, "utf-8", errors="surrogatepass")
    for path, data in before.items():
        path.write_bytes(data)


def refused(function, *arguments, **options):
    """The line of the ValueError that a function raises."""
    with pytest.raises(ValueError, match="expected") as error:
        function(*arguments, **options)
    assert "\n" not in str(error.value)
    return str(error.value)


def outcome(make):
    """The line of a ValueError, or nothing; any other error is the test's."""
    try:
        make()
    except ValueError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_named(run, put, tmp_path, name):
    sound = (run / f"{name}.json").read_text()
    for _, text in ATTACK["damages"](sound):
        put(f"{name}.json", text)
        assert f"{name}.json" in refused(report.write, run)
        assert f"{name}.json" in refused(report.compare, run, run, output=tmp_path / "page.html")


@pytest.mark.parametrize(
    ("name", "change", "line"),
    [
        ("results", {"test": []}, "results.json, test is a list, expected a dict"),
        ("results", {"test": {"entropy": "1"}}, "test, entropy is a str, expected a int or float"),
        ("results", {"switched_epoch": "two"}, "switched_epoch is a str, expected a int or float"),
        ("results", {"num_known": {"test": 0.5}}, "num_known, test is a float, expected a int"),
        ("results", {"deviation": {"soft": {"mu": 1}}}, "deviation, soft lacks 'nu', expected"),
        ("config", {"dataset": ["a"]}, "config.json, dataset is a list, expected a str or bool"),
        ("about", {"began": 3}, "about.json, began is a int, expected a str"),
        ("about", {"defaults": []}, "about.json, defaults is a list, expected a dict"),
        ("about", {"trainer": "\ud800"}, "trainer has half of a surrogate pair, expected text"),
        ("examples", {"best": {}}, "examples.json, best is a dict, expected a list"),
        ("examples", {"best": [{}]}, "best, entry 1 lacks 'attention', expected that of a run"),
        ("histograms", {"splits": {"test": {"argmax": [[1, 2]]}}}, "is no table of counts"),
        ("results", {"test": {"entropy": 10**400}}, "is a number of 1329 bits, expected 63 or"),
    ],
)
def test_a_part_of_another_kind_is_named(run, put, name, change, line):
    content = json.loads((run / f"{name}.json").read_text())
    put(f"{name}.json", json.dumps(content | change))
    assert line in refused(report.write, run)


def test_a_run_that_is_finished_again_replaces_a_damaged_file(run, put):
    """`results` are what results.json will have."""
    results = json.loads((run / "results.json").read_text())
    put("results.json", "{")
    assert report.write(run, results).is_file()


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"pictures": ["data:,"]}, "entry 1 has 1 pictures, expected 2"),
        ({"tokens": ["a", "b", "c"]}, "entry 1 has 3 tokens, expected 2"),
        ({"pictures": ["https://elsewhere/x.png"] * 2}, "has a picture that is not data:…"),
    ],
)
def test_examples_have_their_segments_and_load_nothing(make_example, run, put, change, line):
    examples = {"way_to_predict": "argmax", "best": [make_example(**change)], "worst": []}
    put("examples.json", json.dumps(examples))
    assert line in refused(report.write, run)


def test_whether_a_truth_is_known_is_yes_or_no(make_example, run, put):
    examples = {"way_to_predict": "argmax", "best": [make_example(known=1)], "worst": []}
    put("examples.json", json.dumps(examples))
    assert "best, entry 1, known is a int, expected a bool" in refused(report.write, run)


@pytest.mark.parametrize(
    "text", ["epoch,loss\n1\n", "epoch,loss\n1,2,3\n", "epoch\nx\n", 'a,"b\n1,2']
)
def test_damaged_curves_are_named(run, put, text):
    put("metrics.csv", text)
    assert "metrics.csv" in refused(report.write, run)


@pytest.mark.parametrize("seed", range(12))
def test_any_change_gives_a_page_or_one_line(run, put, tmp_path, seed):
    """Changes at random; benchmarks/run_attacks.py makes many more."""
    rng = random.Random(seed)
    name = (*FILES, "metrics")[seed % 6]
    path = run / ("metrics.csv" if name == "metrics" else f"{name}.json")
    change = ATTACK["damaged_csv" if name == "metrics" else "mutated"]
    put(path.name, change(path.read_text(), seed if name == "metrics" else rng))
    page = tmp_path / "page.html"
    for make in (lambda: report.write(run), lambda: report.compare(run, run, output=page)):
        assert "\n" not in outcome(make)
