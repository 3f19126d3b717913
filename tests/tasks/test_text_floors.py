"""Floors of texts, on posts that one word decides."""

import numpy as np
import pytest

from attention_zoo import datasets
from attention_zoo.tasks.text_floors import tf_idf_floors


def info(tokens, labels, rationales=None):
    marks = [None] * len(tokens) if rationales is None else rationales
    posts = datasets.Posts.from_lists(tokens, labels, marks)
    return datasets.TextInfo(name="posts", split="", source=posts, class_names=("a", "b", "c"))


@pytest.mark.parametrize("num_classes", [2, 3])
def test_the_word_is_the_one_that_the_class_rests_on(num_classes):
    """Case is ignored, the words that all classes share weigh nothing, and an unknown one less."""
    names = ["Sun", "rain", "snow"][:num_classes]
    train = info([["the", name, "is", "here"] for name in names] * 5, [*range(num_classes)] * 5)
    tokens = [["is", "quark", "the", name.upper()] for name in names]
    right = info(tokens, range(num_classes), [[0, 0, 0, 1]] * num_classes)
    wrong = info(tokens, range(num_classes), [[1, 1, 1, 0]] * num_classes)
    found = tf_idf_floors({"train": train, "validation": wrong, "test": right}, train)
    assert found["test"] == {
        "tf_idf_accuracy": 1.0,
        "tf_idf_macro_f1": 1.0,
        "tf_idf_focus_accuracy": 1.0,
    }
    assert found["validation"]["tf_idf_focus_accuracy"] == 0.0
    assert found["train"].keys() == {"tf_idf_accuracy", "tf_idf_macro_f1"}  # no rationale is known


def test_posts_of_unknown_words_and_classes_have_floors():
    train = info([["sun"], ["rain"]] * 4, [0, 1] * 4)
    test = info([["quark", "x"], ["rain"]], [2, 1], [[1, 0], [1]])
    found = tf_idf_floors({"test": test}, train)["test"]
    assert found["tf_idf_accuracy"] == 0.5 and np.isfinite(found["tf_idf_macro_f1"])
    assert found["tf_idf_focus_accuracy"] == 1.0  # of words that are all unknown the first


@pytest.mark.parametrize("tokens", [[["sun"], ["rain"]], [[], []]])
def test_nothing_to_learn_has_none(tokens):
    labels = [0, 0] if tokens[0] else [0, 1]
    train = info(tokens, labels)
    assert tf_idf_floors({"train": train}, train) == {}
