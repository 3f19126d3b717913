import json
import re

import pytest

from attention_zoo import report


@pytest.fixture(scope="module")
def runs(make_run, tmp_path_factory):
    """Three finished runs; the last is of a hybrid and of more epochs."""
    folder = tmp_path_factory.mktemp("runs")
    hybrid = {"attention": "hybrid", "epochs": 4}
    return [
        make_run(folder / "a", 0),
        make_run(folder / "b", 10),
        make_run(folder / "c", 20, config=hybrid),
    ]


@pytest.fixture(scope="module")
def page(runs, read_page):
    return read_page(report.compare(*runs, output=runs[0].parent / "compare.html"))


def results_of(runs, split="test"):
    return [json.loads((run / "results.json").read_text())[split] for run in runs]


def test_a_tasks_own_words_keep_their_capitals(make_run, tmp_path, read_page, about_of):
    about = about_of("mosaics")
    about["words"] = about["words"] | {"examples": "MRI slices"}
    runs = [make_run(tmp_path / str(i), i, about=about) for i in range(2)]
    text = read_page(report.compare(*runs, output=tmp_path / "page.html")).text
    for said in ("Validation MRI slices", "Training MRI slices", "Test MRI slices, predicted by"):
        assert said in text
    assert "mri" not in text


def test_every_figure_of_every_run_is_there(runs, page):
    found = results_of(runs)
    head, *rows = page.tables["test"]
    assert head == ["measure", "a", "b", "c"]
    assert ["focus true (FT)", *(f"{100 * one['focus_accuracy']:.1f}%" for one in found)] in rows
    start = rows.index(["predicted by marginal"])
    assert rows[start + 1] == ["accuracy", *(f"{one['marginal_accuracy']:.1%}" for one in found)]
    assert rows[start + 2] == ["NLL, nats", *(f"{one['marginal_nll']:.4f}" for one in found)]


def test_the_best_value_of_a_row_is_marked(runs, page):
    found, expected = results_of(runs), []
    expected.append(f"{max(one['focus_accuracy'] for one in found):.1%}")
    for way in ("argmax", "marginal", "soft"):
        for cell, pick, form in (
            ("accuracy", max, ".1%"),
            ("nll", min, ".4f"),
            ("FTPT", max, ".1%"),
            ("FFPF", min, ".1%"),
        ):
            expected.append(format(pick(one[f"{way}_{cell}"] for one in found), form))
    assert page.marked["test"] == expected


def test_settings_are_those_that_differ(page):
    assert page.tables["Settings that differ"] == [
        ["setting", "a", "b", "c"],
        ["attention", "soft", "soft", "hybrid"],
        ["epochs", "3", "3", "4"],
        ["seed", "0", "10", "20"],
    ]


def test_bars_are_as_long_as_their_shares(runs, page):
    styles = [a["style"] for tag, a in page.tags if tag == "span" and "flex" in a.get("style", "")]
    drawn = [float(re.findall(r"flex:([\d.]+)", style)[0]) for style in styles]
    expected = [
        100 * one[f"{way}_{cell}"]
        for way in ("argmax", "marginal", "soft")
        for one in results_of(runs)
        for cell in ("FTPT", "FFPT", "FTPF", "FFPF")
    ]
    assert drawn == pytest.approx(expected, abs=1e-3)


def test_the_curves_of_all_runs_are_in_one_panel(page):
    words = [attributes["alt"] for tag, attributes in page.tags if tag == "img"]
    assert len(words) == 8  # accuracy, FT, entropy, loss; validation and training
    assert all(word.count("ends at") == 3 for word in words)


def test_the_page_is_whole_and_loads_nothing(page):
    assert page.faults == []
    assert not [tag for tag, _ in page.tags if tag in ("script", "link", "iframe")]
    assert all(link.startswith(("data:", "#", "./")) for link in page.links)


def test_many_runs_have_a_row_each_and_the_best_of_a_column_is_marked(
    make_run, tmp_path, read_page
):
    bare = ("metrics", "histograms", "examples", "mosaics")
    runs = [
        make_run(tmp_path / f"r{i}", i, config={"epochs": 3 + i % 2}, without=bare)
        for i in range(6)
    ]
    report.write(runs[2])
    page = read_page(report.compare(*runs, output=tmp_path / "page.html"))
    found = results_of(runs)
    ways = ("argmax", "marginal", "soft")
    assert page.tables["test"] == [
        ["run", "focus true (FT)", "attention entropy, nats", *(f"accuracy by {w}" for w in ways)],
        *(
            [
                f"r{i}",
                f"{one['focus_accuracy']:.1%}",
                f"{one['entropy']:.3f}",
                *(f"{one[f'{way}_accuracy']:.1%}" for way in ways),
            ]
            for i, one in enumerate(found)
        ),
    ]
    names = ("focus_accuracy", *(f"{way}_accuracy" for way in ways))
    best = [f"{max(one[name] for one in found):.1%}" for name in names]
    assert sorted(page.marked["test"]) == sorted(best)
    head, *rows = page.tables["test, predicted by soft"]
    assert head == ["run", "accuracy", "NLL, nats", "FTPT", "FFPT", "FTPF", "FFPF"]
    assert [row[2] for row in rows] == [f"{one['soft_nll']:.4f}" for one in found]
    settings = page.tables["Settings that differ"]
    assert settings[0] == ["run", "epochs", "seed"] and settings[2] == ["r1", "4", "1"]
    assert page.links.count("./r2/report.html") == 1 + 2 * 4  # the list; tables
    assert "All: task mosaics, data sdc/digits, attention soft." in page.text


def test_of_many_runs_those_that_measured_nothing_of_a_table_are_not_in_it(
    make_run, tmp_path, read_page
):
    bare = ("metrics", "histograms", "examples", "mosaics")
    runs = [make_run(tmp_path / f"r{i}", i, without=bare) for i in range(4)]
    scores = {"test": {"cider": 0.5}}
    runs.append(make_run(tmp_path / "captions", results=scores, without=bare))
    page = read_page(report.compare(*runs, output=tmp_path / "page.html"))
    assert page.tables["test"][-1] == ["captions", "–", "–", "0.500", "–", "–", "–"]
    assert [row[0] for row in page.tables["test, predicted by soft"][1:]] == [
        f"r{i}" for i in range(4)
    ]


def test_links_lead_to_the_pages_of_runs_that_have_one(make_run, tmp_path, read_page):
    bare = ("metrics", "histograms", "examples", "mosaics")
    runs = [make_run(tmp_path / "runs" / name, without=bare) for name in ("a b", "c")]
    report.write(runs[0])
    (tmp_path / "pages").mkdir()
    page = read_page(report.compare(*runs, output=tmp_path / "pages/compare.html"))
    (link,) = [link for link in page.links if "report" in link]
    assert link == "./../runs/a%20b/report.html"


def test_runs_of_other_trainers_share_what_they_have(make_run, tmp_path, read_page):
    bare = ("metrics", "histograms", "examples", "mosaics")
    captions = {"test": {"perplexity": 20.0, "cider": 0.5}}
    drives = {"soft": {"0.2": {"loss": {"0": 1.0}, "drive": {"0": 0.25, "3": 0.5}}}}
    one = make_run(tmp_path / "one", without=bare)
    two = make_run(tmp_path / "two", results=captions, without=bare)
    three = make_run(tmp_path / "three", results=drives, without=bare)
    (three / "metrics.csv").write_text("epoch,attention,alpha,drive\n3,soft,0.2,0.5\n")
    page = read_page(report.compare(one, two, three, output=tmp_path / "page.html"))
    rows = page.tables["test"]
    assert ["CIDEr", "–", "0.500", "–"] in rows
    assert rows[1][0] == "focus true (FT)" and rows[1][2:] == ["–", "–"]
    assert "0.500" not in page.marked["test"]  # nothing to compare it with
    drawn = page.tables["Drive to focus in the last epoch, nats"]
    assert drawn[1:] == [["soft, α = 0.2", "–", "–", "0.500000"]]


@pytest.mark.parametrize(
    ("name", "dataset", "marked"),
    [
        ("dataset", None, False),
        ("num_segments", "sdc/digits", False),
        ("protocol", "sdc/digits", False),
        ("test_split", "sdc/digits", False),
        ("num_test_examples", "sdc/digits", False),
        ("annotators", "hatexplain", False),
        ("fold", "bags/csv", False),
        ("data_dir", "json_lines", False),
        ("data_dir", "sdc/digits", True),  # where images are, not which
        ("learning_rate", "sdc/digits", True),
    ],
)
def test_no_value_is_the_best_where_the_data_differ(
    make_run, tmp_path, read_page, name, dataset, marked
):
    bare = ("metrics", "histograms", "examples", "mosaics")
    settings = [{"dataset": dataset} | {name: value} for value in ("sdc/a", "sdc/b")]
    runs = [
        make_run(tmp_path / value, seed, config=config, without=bare)
        for seed, (value, config) in enumerate(zip("ab", settings, strict=True))
    ]
    page = read_page(report.compare(*runs, output=tmp_path / "page.html"))
    assert bool(page.marked["test"]) == marked
    assert ("The best value of a row is marked" in page.text) == bool(
        page.marked["test"] or page.marked["train"]
    )
    assert ("the runs are of different data" in page.text) != marked


def test_curves_say_what_they_were_measured_on(make_run, tmp_path, read_page, page, about_of):
    headings = "Validation mosaics", "Training mosaics"
    titles = page.text.replace("Test mosaics, predicted by", "")  # of bars
    assert all(one in titles for one in headings) and "Test mosaics" not in titles
    bare = ("results", "histograms", "examples", "mosaics")
    runs = [
        make_run(tmp_path / task, about=about_of(task), without=bare)
        for task in ("mosaics", "text")
    ]
    text = read_page(report.compare(*runs, output=tmp_path / "page.html")).text
    assert (
        "Validation mosaics, validation posts" in text
        and "Training mosaics, training posts" in text
    )


def test_runs_of_one_name_are_told_apart_by_their_parents(make_run, tmp_path, read_page):
    bare = ("metrics", "histograms", "examples", "mosaics")
    runs = [make_run(tmp_path / name / "<script>", without=bare) for name in ("x", "y")]
    path = report.compare(*runs, output=tmp_path / "page.html")
    assert read_page(path).tables["test"][0] == ["measure", "x/<script>", "y/<script>"]
    assert "<script" not in path.read_text()


def test_the_same_run_twice_is_numbered(make_run, tmp_path, read_page):
    bare = ("metrics", "histograms", "examples", "mosaics")
    run = make_run(tmp_path / "run", without=bare)
    page = read_page(report.compare(run, run, output=tmp_path / "page.html"))
    names = page.tables["test"][0][1:]
    assert len(set(names)) == 2 and names[0].endswith("run (1)")
    assert page.marked["test"] == []  # all are equally good


def test_bad_arguments_are_refused_in_one_line(make_run, tmp_path):
    run = make_run(tmp_path / "run", without=("metrics", "mosaics"))
    with pytest.raises(ValueError, match="^compare was given 1 run, expected 2 or more$"):
        report.compare(run)
    with pytest.raises(ValueError, match="none has no config.json, expected the folder of a run"):
        report.compare(run, tmp_path / "none")
    with pytest.raises(ValueError, match="expected a path in a folder that is there"):
        report.compare(run, run, output=tmp_path / "none/page.html")


def test_no_weight_decay_is_one_thing_however_versions_wrote_it(make_run, tmp_path, read_page):
    bare = ("metrics", "histograms", "examples", "mosaics")
    runs = [
        make_run(tmp_path / str(i), config={"weight_decay": none}, without=bare)
        for i, none in enumerate((None, 0, 0.0))
    ]
    page = read_page(report.compare(*runs, output=tmp_path / "page.html"))
    assert "weight_decay" not in page.text
