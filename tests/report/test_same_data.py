"""Which runs are of the same data, so that the best of their values can be marked."""

import json

import pytest

from attention_zoo import report

OWN = {"dataset": "own data"}
POSTS = {"dataset": "json_lines", "data_dir": "a"}


@pytest.mark.parametrize(
    ("configs", "sums", "marked"),
    [
        ([OWN, OWN], ["x", "x"], True),
        ([OWN, OWN], ["x", "y"], False),
        ([OWN, OWN], [None, None], False),  # nothing is known of them
        ([OWN, OWN], ["x", None], False),
        ([POSTS, POSTS], ["x", "y"], False),  # files that changed
        ([POSTS, POSTS | {"data_dir": "b"}], ["x", "x"], True),  # a copy of them
        ([POSTS, POSTS], ["x", None], True),  # of an earlier version
        ([{}, {}], ["x", "y"], True),  # mosaics of two seeds
        ([{"seed": 0}, {"seed": 0}], ["x", "y"], False),
        ([{"seed": 0}, {"seed": 0, "num_segments": 3}], ["x", "x"], True),
    ],
)
def test_data_are_the_same_by_their_fingerprints_where_no_seed_draws_them(
    make_run, tmp_path, read_page, configs, sums, marked
):
    bare = ("metrics", "histograms", "examples", "mosaics")
    runs = [
        make_run(
            tmp_path / str(seed),
            seed,
            config=config,
            without=bare,
            data={} if one is None else {"test": one, "train": f"of {seed}"},
        )
        for seed, (config, one) in enumerate(zip(configs, sums, strict=True))
    ]
    page = read_page(report.compare(*runs, output=tmp_path / "page.html"))
    assert bool(page.marked["test"]) == marked


def test_splits_are_judged_each_by_itself(make_run, tmp_path, read_page):
    bare = ("metrics", "histograms", "examples", "mosaics")
    runs = [
        make_run(tmp_path / one, i, config=OWN, without=bare, data={"train": one, "test": "x"})
        for i, one in enumerate("ab")
    ]
    page = read_page(report.compare(*runs, output=tmp_path / "page.html"))
    assert page.marked["test"] and not page.marked["train"]
    assert "None is of train: the runs are of different data there." in page.text


@pytest.mark.parametrize(
    ("settings", "marked"),
    [
        ([{"min_count": 5}, {"min_count": 5}], ["20.000", "0.500"]),
        ([{"min_count": 5}, {"min_count": 1}], ["0.500"]),
        ([{"train_split": "train"}, {"train_split": "train[:9]"}], ["0.500"]),
    ],
)
def test_perplexities_of_other_vocabularies_are_not_compared(
    make_run, tmp_path, read_page, settings, marked
):
    bare = ("metrics", "histograms", "examples", "mosaics")
    about = {"task": "captions", "words": {}}
    runs = [
        make_run(
            tmp_path / str(i),
            config={"dataset": None} | own,
            about=about,
            without=bare,
            results={"test": {"perplexity": 20.0 + i, "cider": 0.5 - i / 10}},
            data={"test": json.dumps(own)},  # a fingerprint of captions has the vocabulary in
        )
        for i, own in enumerate(settings)
    ]
    page = read_page(report.compare(*runs, output=tmp_path / "page.html"))
    assert page.marked["test"] == marked
