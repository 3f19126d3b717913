"""What stands on a page is explained there, in the words of the run's task."""

import json

import numpy as np
import pytest

from attention_zoo import report
from attention_zoo.evaluation.bags import bag_scores
from attention_zoo.report.measures import title

BARE = ("metrics", "histograms", "examples", "mosaics")


def short_names(page):
    """What the head and the rows of its tables of figures call things."""
    tables = page.tables["Three ways to predict"], page.tables["Attention and scores"]
    heads = tables[0][0][1:]
    rows = [row[0] for table in tables for row in table[1:] if len(row) > 1]
    return {*heads, *rows}


@pytest.mark.parametrize(
    ("task", "segment", "truth", "those"),
    [
        ("mosaics", "image", "the true segment", "mosaics"),
        ("text", "word", "the rationale", "posts"),
    ],
)
def test_every_short_name_is_explained_in_the_words_of_the_task(
    make_run, tmp_path, read_page, about_of, task, segment, truth, those
):
    page = read_page(report.write(make_run(tmp_path, about=about_of(task))))
    assert short_names(page) <= page.terms.keys()
    assert page.terms["FTPT"] == (
        f"share of the {those}: focus true, prediction true; the most attended {segment} hits "
        f"{truth}, the label is right"
    )
    assert page.terms["FFPT"].endswith(f"but the most attended {segment} misses {truth}")
    assert page.terms["argmax"] == f"what is predicted from the most attended {segment} alone"
    assert "loss" in page.terms  # of the curves


def test_an_abbreviation_has_its_meaning_where_all_can_read_it(make_run, tmp_path, read_page):
    page = read_page(report.write(make_run(tmp_path)))
    assert {"FTPT", "FFPT", "FTPF", "FFPF", "NLL, nats"} <= {text for text, _ in page.abbreviations}
    assert all(page.terms[text] == meaning for text, meaning in page.abbreviations)


def test_figures_of_some_examples_say_of_which(make_run, tmp_path, read_page, about_of):
    """FTPT and FFPT do not make up the accuracy: others have no rationale."""
    figures = {"argmax_accuracy": 0.9, "argmax_FTPT": 0.3, "argmax_FFPT": 0.2, "focus_accuracy": 1}
    run = make_run(tmp_path, about=about_of("text"), results={"test": figures}, without=BARE)
    terms = read_page(report.write(run)).terms
    assert terms["FTPT"].startswith("share of the posts with a rationale: focus true")
    assert terms["focus true (FT)"].startswith("share of the posts with a rationale in which")
    assert terms["accuracy"] == "share of the posts that are given the true label"


MORE = ("auroc", "macro_f1", "comprehensiveness", "sufficiency")
OTHERS = (
    *("attention_mass", "average_precision", "token_precision", "token_recall", "token_f1"),
    *("auprc", "iou_f1", "bleu_1", "bleu_4", "rouge_l", "cider", "meteor", "perplexity"),
    *("top_k_error", "attention_entropy", "attention_diversity", "words"),
)


def test_the_other_measures_of_tasks_are_explained_too(make_run, tmp_path, read_page):
    figures = {f"soft_{name}": 0.5 for name in MORE} | dict.fromkeys(OTHERS, 0.5)
    page = read_page(report.write(make_run(tmp_path, results={"test": figures}, without=BARE)))
    assert {title(name) for name in (*MORE, *OTHERS)} <= page.terms.keys()


OF_THE_CLASS = (
    "mean precision as more bags of the second of two classes are found, ranked by its probability"
)
OF_KEYS = "mean precision as more of the rationale is found, words ranked by attention"


def bags_run(make_run, folder, about_of, **more):
    """A run on three bags, the second class ranked first and last: 1 and 2/3 in the mean."""
    labels, p = np.array([1, 0, 1]), np.array([0.9, 0.8, 0.7])
    scores = bag_scores(labels, np.stack([1 - p, p], axis=1))
    figures = {f"soft_{name}": value for name, value in scores.items()}
    about = about_of("text") | {"task": "bags"}
    about["words"] = {"examples": "bags", "segments": "instances", "truth": "the key instances"}
    about["words"] |= more
    return make_run(folder, about=about, results={"test": figures}, without=BARE)


def test_the_average_precision_of_bags_is_that_of_a_class(make_run, tmp_path, read_page, about_of):
    """By a way to predict it ranks bags by probability, not instances by attention."""
    page = read_page(report.write(bags_run(make_run, tmp_path, about_of)))
    head, _, *rows = page.tables["Three ways to predict"]
    values = dict(zip(head, rows[2], strict=True))
    assert values["prediction"] == "soft" and values["class average precision"] == "83.3%"
    assert page.terms["class average precision"] == OF_THE_CLASS
    assert "average precision" not in page.terms


def test_beside_bags_the_average_precision_of_posts_keeps_its_meaning(
    make_run, tmp_path, read_page, about_of
):
    posts = make_run(
        tmp_path / "posts",
        about=about_of("text"),
        results={"test": {"average_precision": 0.25}},
        without=BARE,
    )
    bags = bags_run(make_run, tmp_path / "bags", about_of)
    page = read_page(report.compare(posts, bags, output=tmp_path / "page.html"))
    rows = {row[0]: row[1:] for row in page.tables["test"]}
    assert rows["average precision"] == ["25.0%", "–"]
    assert rows["class average precision"] == ["–", "83.3%"]
    general = [OF_THE_CLASS.replace("bags", "examples"), OF_KEYS.replace("words", "segments")]
    general[1] = general[1].replace("the rationale", "the true segment")
    found = [page.terms[name] for name in ("class average precision", "average precision")]
    assert found == general


def test_a_tasks_own_meaning_is_of_both_average_precisions(make_run, tmp_path, read_page, about_of):
    own = {"measures": {"average_precision": "of my own"}}
    page = read_page(report.write(bags_run(make_run, tmp_path, about_of, **own)))
    assert page.terms["class average precision"] == "of my own"


def test_a_task_explains_figures_of_its_own(make_run, tmp_path, read_page, about_of):
    about = about_of("mosaics")
    about["words"] = about["words"] | {"measures": {"tilt": "how far it leans <b>"}}
    run = make_run(tmp_path, about=about, results={"test": {"tilt": 0.25, "odd": 1.0}})
    page = read_page(report.write(run))
    assert page.terms["tilt"] == "how far it leans <b>" and "odd" not in page.terms
    (run / "about.json").write_text(json.dumps(about | {"words": {"measures": {"tilt": 1}}}))
    with pytest.raises(ValueError, match="words, measures, tilt is a int, expected a str"):
        report.write(run)


def test_runs_of_two_tasks_are_explained_in_general_words(make_run, tmp_path, read_page, about_of):
    runs = [
        make_run(tmp_path / task, about=about_of(task), without=BARE)
        for task in ("mosaics", "text")
    ]
    page = read_page(report.compare(*runs, output=tmp_path / "page.html"))
    assert page.terms["argmax"] == "what is predicted from the most attended segment alone"
    same = read_page(report.compare(runs[1], runs[1], output=tmp_path / "page.html"))
    assert same.terms["argmax"] == "what is predicted from the most attended word alone"


@pytest.mark.parametrize("count", [2, 5])
def test_a_run_that_is_called_like_a_way_to_predict_is_not_explained(
    make_run, tmp_path, read_page, count
):
    names = ("soft", *map(str, range(count - 1)))
    runs = [make_run(tmp_path / name, i, without=BARE) for i, name in enumerate(names)]
    page = read_page(report.compare(*runs, output=tmp_path / "page.html"))
    assert "soft" in page.terms and "soft" not in {text for text, _ in page.abbreviations}
