import json
import re
import types

import numpy as np
import pytest

from attention_zoo import dynamics, report
from attention_zoo.report import figures

NASTY = "<script>alert('1')</script>&\"'"
CELLS = ("accuracy", "nll", "FTPT", "FFPT", "FTPF", "FFPF")


@pytest.fixture(scope="module")
def run(make_run, tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs") / "digits")


@pytest.fixture(scope="module")
def page(run, read_page):
    return read_page(report.write(run))


def posts(make_run, folder, token="soup"):
    one = {
        "number": 0,
        "label": "normal",
        "prediction": "offensive",
        "likelihood": 0.25,
        "attention": [0.1, 0.6, 0.3],
        "true": [2],
        "tokens": ["good", "morning", token],
    }
    both = {"way_to_predict": "soft", "best": [one], "worst": [one]}
    return make_run(folder, examples=both, without=("metrics", "histograms"))


def test_the_tables_have_the_figures_of_the_results(run, page):
    results = json.loads((run / "results.json").read_text())
    head, *rows = page.tables["Three ways to predict"]
    assert head == ["prediction", "accuracy", "NLL, nats", *CELLS[2:]]
    expected = []
    for split in ("test", "train"):
        expected.append([split])
        for way in ("argmax", "marginal", "soft"):
            values = [results[split][f"{way}_{cell}"] for cell in CELLS]
            shares = [f"{100 * value:.1f}%" for value in values]
            expected.append([way, shares[0], f"{values[1]:.4f}", *shares[2:]])
    assert rows == expected
    head, *rows = page.tables["Attention and scores"]
    splits = [results[split] for split in ("test", "train")]
    assert head == ["measure", "test", "train"]
    assert rows == [
        ["focus true (FT)", *(f"{100 * one['focus_accuracy']:.1f}%" for one in splits)],
        ["attention entropy, nats", *(f"{one['entropy']:.3f}" for one in splits)],
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("collapsed_epoch", "attention is one-hot at the loss of chance since epoch 2"),
        ("dead_epoch", "the focus network is dead since epoch 2"),
        ("saturated_epoch", "the scores have run away since epoch 2"),
    ],
)
def test_what_became_of_attention_is_said(make_run, read_page, tmp_path, name, said):
    for epoch in (None, 2):
        path = make_run(tmp_path / str(epoch), results={name: epoch})
        assert (said in read_page(report.write(path)).text) == (epoch == 2)
    page = report.compare(*tmp_path.iterdir(), output=tmp_path / "compare.html")
    assert read_page(page).text.count(f"warning {said}") == 1


def test_every_tag_is_closed_and_pictures_have_words(page):
    assert page.faults == []
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(images) >= 10 and all(image["alt"] for image in images)


def test_nothing_is_loaded_and_links_lead_to_files_of_the_run(run, page):
    assert not [tag for tag, _ in page.tags if tag in ("script", "iframe", "link", "object")]
    assert "@import" not in run.joinpath("report.html").read_text()
    for link in page.links:
        if link.startswith("#"):
            assert link[1:] in [attributes.get("id") for _, attributes in page.tags]
        elif not link.startswith("data:"):
            assert link.startswith("./") and (run / link).is_file()
    assert {"./metrics.csv", "./config.json", "./results.json"} <= set(page.links)


def test_settings_that_differ_come_first(page):
    differ = page.tables["Settings that differ from the defaults"]
    assert differ == [["setting", "value"], ["epochs", "3"]]
    names = [row[0] for row in page.tables["Defaults"][1:]]
    assert names == ["attention", "dataset", "seed"]


def test_the_page_says_what_was_trained(page):
    for text in ("sdc/digits", "soft", "2026-01-02 03:04:05 UTC", "keras 3"):
        assert text in page.text


def test_the_page_made_again_is_the_same(run):
    first = report.write(run).read_bytes()
    assert report.write(run).read_bytes() == first
    assert not list(run.glob(".writing*"))


def test_results_that_are_not_yet_written_are_shown(make_run, tmp_path, read_page):
    results = {"test": {"argmax_accuracy": 0.987}}
    run = make_run(tmp_path, without=("results", "metrics", "histograms"))
    page = read_page(report.write(run, results))
    assert page.tables["Three ways to predict"][2][:2] == ["argmax", "98.7%"]
    assert "./results.json" in page.links


def test_examples_are_drawn_with_focus_label_and_prediction(page):
    words = [attributes["alt"] for tag, attributes in page.tags if tag == "img"]
    segments = [alt for alt in words if alt.startswith("segment")]
    assert segments == ["segment 1, the true one", "segment 2, most attended"] * 2
    assert page.text.index("✗ cat → dog") < page.text.index("✓ cat → cat")
    assert "0.125" in page.text and "0.875" in page.text


def test_posts_are_text_in_closed_details_with_a_warning(make_run, tmp_path, read_page):
    path = report.write(posts(make_run, tmp_path))
    page = read_page(path)
    (details,) = re.findall(r'<details class="warning".*?</details>', path.read_text(), re.DOTALL)
    assert "Content warning" in details and details.count("soup") == 2
    assert path.read_text().count("soup") == 2  # nowhere else
    assert not [a for tag, a in page.tags if tag == "details" and "open" in a]
    tokens = [a["class"].split() for tag, a in page.tags if tag == "bdi"]
    assert tokens == [["token"], ["token", "chosen"], ["token", "true"]] * 2
    shades = [float(a["style"].split(",")[-1].strip(")")) for t, a in page.tags if t == "bdi"]
    np.testing.assert_allclose(shades[:3], 0.8 * np.array([0.1, 0.6, 0.3]) / 0.6, atol=1e-3)


def of_posts(make_run, folder, shift):
    """A run of posts, the breakdown's accuracy off by `shift`: that of posts with a rationale."""
    rows = ["epoch,val_label_accuracy,val_FTPT,val_FFPT,val_FTPF,val_FFPF"]
    rows += [f"{epoch},{0.3 + shift},0.1,0.2,0.3,0.4" for epoch in (1, 2)]
    figures = {"argmax_accuracy": 0.3 + shift, "argmax_FTPT": 0.1, "argmax_FFPT": 0.2}
    words = {"examples": "posts", "truth": "the rationale", "known": "with a rationale"}
    about = {"task": "text", "words": words}
    run = make_run(folder, about=about, results={"test": figures}, without=("examples", "mosaics"))
    (run / "metrics.csv").write_text("\n".join(rows))
    return run


AREAS = "The two areas at the bottom are the accuracy."


def test_a_breakdown_of_every_example_has_the_accuracy_in_it(page):
    assert f"On the validation mosaics, as the model itself predicts. {AREAS}" in page.text
    assert "Share of the test mosaics by attention on the true segment and" in page.text


def test_a_breakdown_of_posts_is_of_those_with_a_rationale(make_run, tmp_path, read_page):
    text = read_page(report.write(of_posts(make_run, tmp_path, shift=0.01))).text
    assert "On the validation posts with a rationale, as the model itself" in text
    assert "Share of the test posts with a rationale by attention on the rationale and" in text
    assert AREAS not in text


def test_posts_that_all_have_a_rationale_are_all_in_the_breakdown(make_run, tmp_path, read_page):
    text = read_page(report.write(of_posts(make_run, tmp_path, shift=0.0))).text
    assert f"On the validation posts, as the model itself predicts. {AREAS}" in text
    assert "Share of the test posts by attention on the rationale and" in text


@pytest.mark.parametrize("where", ["val_", ""])
def test_a_breakdown_that_is_not_known_is_left_out(make_run, tmp_path, read_page, where):
    run = make_run(tmp_path, without=("results", "examples", "histograms", "mosaics"))
    cells = ",".join(where + cell for cell in CELLS[2:])
    (run / "metrics.csv").write_text(f"epoch,loss,{cells}\n1,2.5,nan,nan,nan,nan\n2,2.0,,,,\n")
    page = read_page(report.write(run))
    (image,) = [attributes["alt"] for tag, attributes in page.tags if tag == "img"]
    assert image.startswith("loss") and "nan" not in page.text


def test_epochs_without_a_breakdown_are_left_out_of_it(make_run, tmp_path, read_page):
    run = make_run(tmp_path, without=("results", "examples", "histograms", "mosaics"))
    rows = ["epoch,loss,FTPT,FFPT,FTPF,FFPF", "1,2.5,0.1,0.2,0.3,0.4", "2,2.0,,,,"]
    (run / "metrics.csv").write_text("\n".join(rows))
    words = [a["alt"] for tag, a in read_page(report.write(run)).tags if tag == "img"]
    assert words[-1].endswith("in the end FTPT 10.0%, FFPT 20.0%, FTPF 30.0%, FFPF 40.0%")


@pytest.mark.parametrize(
    ("kind", "expected"), [("pictures", "true segment unknown"), ("tokens", "no rationale")]
)
def test_an_example_without_a_truth_says_what_is_not_known(
    make_run, make_example, tmp_path, read_page, kind, expected
):
    segments = {kind: ["data:,", "data:,"]}
    one, other = make_example(true=[], **segments), make_example(**segments)
    both = {"way_to_predict": "soft", "best": [one], "worst": [other]}
    run = make_run(tmp_path, examples=both, without=("metrics", "histograms", "mosaics"))
    assert read_page(report.write(run)).text.count(f"example 7, {expected}") == 1


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("pictures", "true segment not shown"), ("tokens", "rationale not shown")],
)
def test_a_known_truth_that_is_not_shown_is_not_called_unknown(
    make_run, make_example, tmp_path, read_page, kind, expected
):
    one = make_example(true=[], known=True, **{kind: ["data:,", "data:,"]})
    both = {"way_to_predict": "soft", "best": [one], "worst": []}
    run = make_run(tmp_path, examples=both, without=("metrics", "histograms", "mosaics"))
    text = read_page(report.write(run)).text
    assert text.count(f"example 7, {expected}") == 1
    assert "unknown" not in text and "no rationale" not in text


@pytest.mark.parametrize(("m", "full"), [(10, "1"), (11, "the largest of the example")])
def test_the_page_says_what_a_full_bar_is(make_run, make_example, tmp_path, read_page, m, full):
    a = [0.5] + [0.5 / (m - 1)] * (m - 1)
    one = make_example(attention=a, pictures=["data:,"] * m)
    both = {"way_to_predict": "soft", "best": [one]}
    page = read_page(report.write(make_run(tmp_path, examples=both, without=("metrics",))))
    assert f"a full bar is {full}." in page.text
    widths = [a["style"] for tag, a in page.tags if "width" in a.get("style", "")]
    assert widths[0] == ("width:50.0%" if full == "1" else "width:100.0%")


def test_what_comes_from_outside_is_escaped(make_run, tmp_path, read_page):
    folder = tmp_path / "<script>alert(1)<"
    run = posts(make_run, folder, token=NASTY)
    for name in ("config", "about", "results", "examples"):
        content = json.loads((run / f"{name}.json").read_text())
        if name == "config":
            content |= {"data_dir": NASTY, NASTY: 1}
        if name == "about":
            content["task"] = NASTY
        if name == "results":
            content["test"][NASTY] = 0.5
        if name == "examples":
            content["worst"][0] |= {"label": NASTY, "prediction": NASTY}
        (run / f"{name}.json").write_text(json.dumps(content))
    (run / "<script>x").write_text("")
    path = report.write(run)
    page = read_page(path)
    assert "<script" not in path.read_text().lower()
    assert page.faults == []
    assert page.text.count(NASTY) >= 6
    assert [tag for tag, _ in page.tags if tag == "h1"] and "<script>alert(1)<" in page.text
    assert "./%3Cscript%3Ex" in page.links
    handlers = [name for _, attributes in page.tags for name in attributes if name[:2] == "on"]
    assert handlers == []


def test_what_is_missing_is_left_out(make_run, tmp_path, read_page):
    files = ("about", "results", "histograms", "examples", "metrics", "mosaics")
    page = read_page(report.write(make_run(tmp_path, without=files)))
    assert page.faults == []
    assert list(page.tables) == ["All settings"]
    assert not [tag for tag, _ in page.tags if tag == "img"]


def test_a_run_before_its_first_validation_has_curves(make_run, tmp_path, read_page):
    run = make_run(tmp_path, without=("results", "examples", "histograms", "mosaics"))
    (run / "metrics.csv").write_text("epoch,loss,FTPT,FFPT,FTPF,FFPF\n1,2.5,0.1,0.2,0.3,0.4\n")
    words = [a["alt"] for tag, a in read_page(report.write(run)).tags if tag == "img"]
    assert words == [
        "loss (nats) by epoch: loss goes from 2.5 to 2.5",
        "Breakdown by epoch of the training mosaics whose true segment is known; in the end FTPT "
        "10.0%, FFPT 20.0%, FTPF 30.0%, FFPF 40.0%",
    ]


def test_a_fixed_focus_run_shows_its_drives(make_run, tmp_path, read_page):
    results = {"hard": {"0.2": {"loss": {"0": 1.0}, "drive": {"0": 0.25, "3": 0.5}}}}
    run = make_run(tmp_path, results=results, without=("examples", "histograms", "mosaics"))
    rows = [f"{e},{a},0.2,1.0,0.{e}5,1" for e in range(4) for a in ("soft", "hard")]
    (run / "metrics.csv").write_text("epoch,attention,alpha,loss,drive,derivative\n")
    with (run / "metrics.csv").open("a") as file:
        file.write("\n".join(rows))
    page = read_page(report.write(run))
    caption = "hard: drive to focus L(α) − L(α + 0.01), nats"
    assert page.tables[caption] == [
        ["attention on the true segment", "epoch 0", "epoch 3"],
        ["α = 0.2", "0.250000", "0.500000"],
    ]
    (image,) = [attributes for tag, attributes in page.tags if tag == "img"]
    assert image["alt"].startswith("Drive to focus by epoch")


def test_a_gradient_flow_run_shows_its_trajectories(make_run, tmp_path, read_page):
    times = np.geomspace(1, 100, 8)
    flow = dynamics.trajectory("soft", num_segments=5, num_classes=3, times=times)
    table = {"epoch": times, "time": times}
    for figure in ("mu", "nu", "attention", "probability"):
        table |= {f"soft_{figure}{end}": getattr(flow, figure) for end in ("", "_theory")}
    results = {"deviation": {"soft": {"mu": 0.0123, "nu": 0.5}}}
    run = make_run(tmp_path, results=results, without=("examples", "histograms", "mosaics"))
    lines = [",".join(table), *(",".join(map(str, row)) for row in zip(*table.values()))]
    (run / "metrics.csv").write_text("\n".join(lines))
    page = read_page(report.write(run))
    caption = "Largest deviation from theory, % of the range over the run"
    assert page.tables[caption] == [["attention", "μ", "ν"], ["soft", "1.23", "50.00"]]
    (image,) = [attributes for tag, attributes in page.tags if tag == "img"]
    assert image["alt"].startswith("Trajectories of soft in the plane")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("config.json", None, "has no config.json, expected the folder of a run"),
        ("config.json", "{", "config.json is no JSON .*, expected that of a run"),
        ("results.json", "[1]", "results.json is a list, expected a dict"),
    ],
)
def test_no_run_or_a_damaged_one_is_refused_in_one_line(make_run, tmp_path, name, content, message):
    run = make_run(tmp_path)
    run.joinpath(name).unlink() if content is None else run.joinpath(name).write_text(content)
    with pytest.raises(ValueError, match=message) as error:
        report.write(run)
    assert "\n" not in str(error.value)
    assert not (run / "report.html").exists()


def test_a_tasks_own_pictures_are_those_that_results_name(tmp_path):
    """None that is not there, and none from outside of the folder."""
    inside = tmp_path / "run"
    inside.mkdir()
    for path in (inside / "map.png", inside / "ROC_curve.png", tmp_path / "secret.png"):
        path.write_bytes(b"PNG")
    said = {
        "map": "Where it lies.",
        "ROC_curve": "By class.",
        "gone": "Not there.",
        "../secret": "Elsewhere.",
    }
    run = types.SimpleNamespace(path=inside, results={"pictures": said})
    (heading, picture), (other, _) = figures.own_pictures(run)
    assert (heading, other) == ("Map", "ROC curve") and picture.wide
    assert picture.title == picture.alt == "Where it lies."
    assert figures.own_pictures(types.SimpleNamespace(path=inside, results={})) == []
