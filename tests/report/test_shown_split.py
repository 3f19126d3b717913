"""A page names the split that its pictures and examples are of: not every run has test data."""

import json

import pytest

import attention_zoo as az
from attention_zoo import report

HISTOGRAM = [[1, 2], [3, 4]]
SPLITS = pytest.mark.parametrize(
    ("splits", "kind"),
    [(("train",), "training"), (("train", "validation"), "validation"), (("test",), "test")],
)


@pytest.fixture
def page_of(make_run, tmp_path, read_page):
    """(names of splits, **files) -> the page of a run that has figures of these alone."""

    def make(splits, **files):
        figures = {"argmax_accuracy": 0.5, "argmax_FTPT": 0.25, "argmax_FFPT": 0.25}
        by_split = {name: {"argmax": HISTOGRAM} for name in splits}
        files["histograms"] = {"way_to_predict": "argmax", "splits": by_split}
        run = make_run(tmp_path, results=dict.fromkeys(splits, figures), **files)
        if "captions" in files:
            (run / "captions.png").write_bytes((run / "mosaics.png").read_bytes())
        return read_page(report.write(run))

    return make


def words_of_pictures(page):
    return [attributes["alt"] for tag, attributes in page.tags if tag == "img"]


@SPLITS
def test_mosaics_are_called_by_their_split(page_of, splits, kind):
    page = page_of(splits)
    assert f"Chosen among all {kind} mosaics, of each class in turn." in page.text
    assert f"The first {kind} mosaics" in page.text
    assert f"Share of the {kind} mosaics by attention on the true segment" in page.text
    words = words_of_pictures(page)
    assert f"The first {kind} mosaics with their attention, true segments, labels and " in words[-1]
    (histogram,) = [alt for alt in words if alt.startswith("Joint histogram")]
    assert f"true label, {kind} mosaics: both are in the highest bin for 40.0%" in histogram
    assert ("test mosaics" in page.text) == (kind == "test")


@SPLITS
def test_posts_are_called_by_their_split(page_of, make_example, about_of, splits, kind):
    post = make_example(tokens=["a", "b"])
    both = {"way_to_predict": "soft", "best": [post], "worst": [post]}
    page = page_of(splits, examples=both, about=about_of("text"), without=("mosaics",))
    assert f"Content warning: posts of the {splits[-1]} split, which may be" in page.text
    assert f"Chosen among all {kind} posts, of each class in turn." in page.text


@SPLITS
def test_pictures_with_captions_are_called_by_their_split(page_of, splits, kind):
    page = page_of(splits, captions=[{"caption": "a cat"}], without=("examples",))
    assert f"The first {kind} pictures" in page.text
    words = f"{kind.capitalize()} pictures, each once for every word of its caption, with its "
    assert words + "attention: “a cat”" in words_of_pictures(page)


def test_measures_are_explained_as_of_the_split_that_is_there(page_of):
    assert page_of(("train",)).terms["FTPT"].startswith("share of the mosaics: focus true")


@pytest.mark.usefixtures("no_saved_model")
def test_a_run_on_training_posts_alone_says_so(tmp_path, read_page):
    """And in how many of them the truth is known."""
    tokens, rationales = [["good", "day"], ["bad", "day"]] * 8, [[0, 1], None] * 8
    data = az.datasets.Posts.from_lists(tokens, [0, 1] * 8, rationales)
    settings = {"epochs": 1, "batch_size": 8, "embedding_size": 4, "subwords": 0, "keep": "last"}
    az.train("text", tmp_path / "run", data=data, attention="soft", **settings)
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert (results["num_examples"], results["num_known"]) == ({"train": 16}, {"train": 8})
    text = read_page(tmp_path / "run" / "report.html").text
    assert "posts of the train split" in text and "Chosen among all training posts" in text
    assert "Share of the training posts with a rationale by attention" in text
    assert "test posts" not in text
