"""The official files, sound and not, by way of `load`."""

import copy
import json

import numpy as np
import pytest
import requests
import tensorflow as tf

from attention_zoo import datasets
from attention_zoo.datasets.text.hatexplain_files import read


@pytest.fixture
def written(miniature, tmp_path):
    """(change) -> the folder of a copy of the miniature, changed by `change(posts, divisions)`."""

    def write(change):
        posts, divisions = copy.deepcopy(miniature)
        change(posts, divisions)
        (tmp_path / "dataset.json").write_text(json.dumps(posts))
        (tmp_path / "post_id_divisions.json").write_text(json.dumps(divisions))
        return tmp_path

    return write


def load(folder, split="train", **options):
    return datasets.load("hatexplain", split, data_dir=folder, batch_size=1000, **options)


def test_elements_are_tokens_label_and_rationale(hatexplain_dir, miniature):
    """Every seventh post is undecided, every third normal."""
    posts, divisions = miniature
    dataset, info = load(hatexplain_dir)
    decided = [i for i in divisions["train"] if int(i.split("_")[0]) % 7 != 6]
    assert dataset.element_spec == (
        tf.TensorSpec((None, None), tf.string),
        {"label": tf.TensorSpec((None,), tf.int32), "focus": tf.TensorSpec((None, None), tf.int32)},
    )
    assert info.num_examples == len(decided) and info.left_out == {"undecided": 13}
    assert info.class_names == ("normal", "offensive", "hatespeech")
    ((tokens, targets),) = dataset
    assert tokens.shape == (len(decided), 16)
    for row, mark, label, post_id in zip(
        tokens.numpy(), targets["focus"].numpy(), targets["label"].numpy(), decided, strict=True
    ):
        expected = [token.encode() for token in posts[post_id]["post_tokens"]]
        assert row.tolist() == expected + [b""] * (16 - len(expected))
        assert label == int(post_id.split("_")[0]) % 3
        thunder = np.isin(row, [b"thunder", b"drizzle"])
        np.testing.assert_array_equal(mark, thunder)
    assert info.num_known == (targets["label"].numpy() > 0).sum()


def test_union_marks_more_and_first_decides_ties(hatexplain_dir):
    sizes = {}
    for annotators in ("majority", "union", "first"):
        dataset, info = load(hatexplain_dir, annotators=annotators)
        ((_, targets),) = dataset
        sizes[annotators] = info.num_examples, int(tf.reduce_sum(targets["focus"]))
    assert sizes["majority"][0] == sizes["union"][0] == 77 and sizes["first"][0] == 90
    assert sizes["union"][1] == 2 * sizes["majority"][1]


def test_splits_are_the_official_ones_and_can_be_sliced(hatexplain_dir):
    sizes = [load(hatexplain_dir, s)[1].num_examples for s in ("train", "validation", "test")]
    assert sizes == [77, 26, 26]
    assert load(hatexplain_dir, "train[:50%]+test")[1].num_examples == 39 + 26
    with pytest.raises(ValueError, match="^split is 'dev', expected train or validation or test"):
        load(hatexplain_dir, "dev")
    with pytest.raises(ValueError, match=r"^split 'train\[:0\]' is empty, expected one with posts"):
        load(hatexplain_dir, "train[:0]")


def test_rationales_go_to_the_annotators_who_marked(hatexplain_dir, miniature):
    """A file lists as many rationales as annotators, or those of the toxic labels only."""
    posts, divisions = miniature
    found, _ = read(*(hatexplain_dir / n for n in ("dataset.json", "post_id_divisions.json")))
    for post in found["train"]:
        given = [rationale is not None for rationale in post.rationales]
        assert given == [label != "normal" for label in post.labels]
    assert found["train"][0].targets == (("None",), ("None", "Other"), ("None", "Other"))


def test_a_rationale_of_the_wrong_length_is_left_out_and_counted(written):
    def change(posts, divisions):
        posts["1_post"]["rationales"][0].append(1)
        for marks in posts["2_post"]["rationales"]:
            marks.pop()

    before = load(written(lambda posts, divisions: None))[1].num_known
    info = load(written(change))[1]
    assert info.left_out == {"rationale of wrong length": 1 + 3, "undecided": 13}
    assert info.num_examples == 77 and info.num_known == before - 1


def test_marks_that_are_no_marks_are_left_out_and_counted(written):
    def change(posts, divisions):
        size = len(posts["1_post"]["post_tokens"])
        posts["1_post"]["rationales"] = [[0.4] * size, [2] * size, ["0"] * size]

    info = load(written(change))[1]
    assert info.left_out == {"undecided": 13, "unsound rationale": 3}


@pytest.mark.parametrize("mark", [0, -1])
def test_a_rationale_that_marks_nothing_is_none(written, mark):
    """So that "at least half" means the same whether or not a file writes it."""

    def change(posts, divisions):
        size = len(posts["1_post"]["post_tokens"])
        one, other = np.eye(size, dtype=int)[:2].tolist()
        posts["1_post"]["rationales"] = [one, other, [mark] * size]

    folder = written(change)
    found, _ = read(*(folder / n for n in ("dataset.json", "post_id_divisions.json")))
    post = next(post for post in found["train"] if post.post_id == "1_post")
    assert post.rationales[2] is None and sum(post.rationale()) == 2


@pytest.mark.parametrize("count", [1, 2])
def test_fewer_annotators(written, count):
    def change(posts, divisions):
        for post in posts.values():
            post["annotators"] = post["annotators"][:count]
            post["rationales"] = post["rationales"][:count]

    info = load(written(change))[1]
    assert info.left_out == ({} if count == 1 else {"undecided": 13})


def test_ids_that_come_twice_count_once(written, miniature):
    def change(posts, divisions):
        divisions["train"] += ["0_post", "nowhere_post"]
        divisions["test"] += ["0_post"]

    folder = written(change)
    text = (folder / "dataset.json").read_text()
    (folder / "dataset.json").write_text(text[:-1] + f', "1_post": {json.dumps({"spoilt": 1})}}}')
    info = load(folder)[1]
    assert info.left_out == {"duplicate id": 2, "undecided": 13, "unknown id": 1}
    assert info.num_examples == 77
    assert load(folder, "test")[1].left_out == {"duplicate id": 1, "undecided": 4}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p, d: p["1_post"].pop("post_tokens"), "^post '1_post' lacks 'post_tokens', expect"),
        (
            lambda p, d: p["1_post"].update(annotators=[]),
            r"^post '1_post' has the labels \[\], exp",
        ),
        (
            lambda p, d: p["1_post"]["annotators"][0].update(label="rude"),
            r"^post '1_post' has the labels \['rude', 'offensive', 'offensive'\], expected one or",
        ),
        (
            lambda p, d: d.pop("val"),
            r"has the splits \['test', 'train'\], expected \['test', 'train',",
        ),
        (lambda p, d: d.update(val=None), "^split 'val' of post_id_.*json is no list of ids$"),
        (lambda p, d: d.update(val=[["0"]]), "^split 'val' of post_id_.*json is no list of ids$"),
        (lambda p, d: p["1_post"].update(post_tokens="abc"), "^post '1_post' has tokens that are"),
        (lambda p, d: p["1_post"].update(post_tokens=[["x"]]), "^post '1_post' has tokens that ar"),
        (lambda p, d: p["1_post"].update(rationales=[1, 0, 1]), "^post '1_post' lacks "),
    ],
)
def test_unsound_files_are_one_line_errors_without_text(written, change, message):
    with pytest.raises(ValueError, match=message) as error:
        load(written(change))
    assert "\n" not in str(error.value) and "drizzle" not in str(error.value)


def test_no_json(written):
    folder = written(lambda posts, divisions: None)
    (folder / "dataset.json").write_text("{")
    with pytest.raises(ValueError, match="dataset.json is no JSON in UTF-8, expected an official"):
        load(folder)
    (folder / "dataset.json").write_text("[]")
    with pytest.raises(ValueError, match="dataset.json is a JSON list, expected an object$"):
        load(folder)


def test_what_is_not_there_is_told_with_its_remedy(tmp_path, monkeypatch):
    def unreachable(*args, **options):
        raise requests.ConnectionError

    monkeypatch.setattr(requests, "head", unreachable)
    message = r"^hatexplain is not in .* \(ConnectionError\); put dataset.json and post_id_div"
    with pytest.raises(FileNotFoundError, match=message):
        datasets.load("hatexplain", data_dir=tmp_path)
    assert not list(tmp_path.iterdir())


def test_unknown_option():
    with pytest.raises(ValueError, match="^hatexplain has no option 'num_segments', expected one"):
        datasets.load("hatexplain", num_segments=5)


def test_shared_data(shared_dir):
    info = datasets.load("hatexplain", "train", data_dir=shared_dir / "data/hatexplain")[1]
    assert info.num_examples == 15383 and info.num_known == 9130 and info.left_out == {}
    assert info.source.lengths.max() > 100
