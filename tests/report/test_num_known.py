"""Of how many examples the truth is known is counted, not guessed."""

import pytest

from attention_zoo import report

PERFECT = {  # accuracy 100%, so that FTPT and FFPT add up to it whatever is known
    "argmax_accuracy": 1.0,
    "argmax_FTPT": 0.75,
    "argmax_FFPT": 0.25,
    "argmax_FTPF": 0.0,
    "argmax_FFPF": 0.0,
}


@pytest.fixture
def posts(make_run, make_example, about_of):
    """(folder, counts of known truth) -> a run on ten test posts, all of them predicted right."""

    def make(folder, **counts):
        post = make_example(tokens=["a", "b"])
        return make_run(
            folder,
            about=about_of("text"),
            examples={"way_to_predict": "argmax", "best": [post]},
            results={"test": PERFECT, "num_examples": {"test": 10}} | counts,
            without=("metrics", "mosaics"),
        )

    return make


def sentences(text):
    """Which of what a page says of posts whose truth is known is there."""
    said = (
        "Share of the test posts with a rationale by attention",
        "share of the posts with a rationale: focus true",
        "of each class in turn, with and without a known truth.",
    )
    return [one in text for one in said]


@pytest.mark.parametrize("known", [0, 9, 10])
def test_the_page_goes_by_the_count(posts, tmp_path, read_page, known):
    text = read_page(report.write(posts(tmp_path, num_known={"test": known}))).text
    assert sentences(text) == [known < 10] * 3


def test_of_a_run_without_the_count_figures_that_agree_say_it(posts, tmp_path, read_page):
    assert sentences(read_page(report.write(posts(tmp_path))).text) == [False] * 3


def test_a_comparison_goes_by_the_count(posts, tmp_path, read_page):
    runs = [posts(tmp_path / str(known), num_known={"test": known}) for known in (9, 10)]
    page = read_page(report.compare(*runs, output=tmp_path / "page.html"))
    assert "Test posts with a rationale, test posts, predicted by argmax" in page.text


def test_the_count_is_no_figure(posts, tmp_path):
    (row,) = report.load(posts(tmp_path, num_known={"test": 9}))
    assert row["test/argmax_accuracy"] == 1.0 and not [name for name in row if "known" in name]
