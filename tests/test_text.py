"""One rule for words: in loading, in a model's look-up, in what it is exported as."""

import re

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from attention_zoo import FocusClassifier, datasets, export
from attention_zoo._text import lower
from attention_zoo.datasets import words_of
from attention_zoo.datasets.captions.words import standardized
from attention_zoo.datasets.text.posts import Posts, vocabulary
from attention_zoo.models import TokenEncoder
from attention_zoo.models.networks.text import text_networks

RULE = {
    "Tea, SOUP!": ["Tea", ",", "SOUP", "!"],
    "He said “moron” to ‘them’.": ["He", "said", "“", "moron", "”", "to", "‘", "them", "’", "."],
    "«a» „b“ ‹c›": ["«", "a", "»", "„", "b", "“", "‹", "c", "›"],
    "Don't, don’t; 'no' dogs' 'em": ["Don't", ",", "don’t", ";", "'", "no", "'", "dogs", "'"]
    + ["'", "em"],
    "(see https://a.b/c?d=e,f.)": ["(", "see", "https://a.b/c?d=e,f", ".", ")"],
    "WWW.a.org/x, ftp://h/é!": ["WWW.a.org/x", ",", "ftp://h/é", "!"],
    "a.b@c.de: awww.no": ["a.b@c.de", ":", "awww", ".", "no"],
    "$1,000.50 at 10:30pm, 3.14.": ["$1,000.50", "at", "10:30pm", ",", "3.14", "."],
    "U.S. (l.a.) v.2": ["U.S.", "(", "l.a.", ")", "v", ".", "2"],
    "😂😂oh🤦🏽‍♀️🇩🇪🇫🇷": ["😂", "😂", "oh", "🤦🏽‍♀️", "🇩🇪", "🇫🇷"],
    "¿qué? 中文，好。": ["¿", "qué", "?", "中文", "，", "好", "。"],
    "a\u00a0b\u3000c\u2028d\x00e\u200bf\ufeffg": list("abcdefg"),
    "@user #tag f**k well-known": ["@user", "#tag", "f**k", "well-known"],
    "and/or <url> s_africa": ["and/or", "<url>", "s_africa"],
    "wait...what": ["wait", ".", ".", ".", "what"],
    " \n\t": [],
    "": [],
}


def test_the_rule():
    assert {text: words_of(text) for text in RULE} == RULE
    assert words_of(list(RULE)) == list(RULE.values())
    assert words_of([]) == []


@settings(max_examples=40)
@given(st.lists(st.text(st.sampled_from("aB1é’'“”.,:/w@(…😂🏽\u200d\u00a0 \x00")), max_size=20))
def test_nothing_is_lost_and_words_stay_words(texts):
    blanks = re.compile("[\\s\x00]+")
    for text, words in zip(texts, words_of(texts), strict=True):
        assert "".join(words) == blanks.sub("", text)
        assert words_of(" ".join(words)) == words


@pytest.mark.parametrize("text", [3, None, ["a", None], ["\ud800"], "\udfff"])
def test_what_is_no_text_is_refused(text):
    with pytest.raises((ValueError, TypeError), match="expected a string|not iterable"):
        words_of(text)


def test_case_is_that_of_all_of_unicode():
    words = ["Ärger", "ΣΟΦΟΣ", "ТЁПЛЫЙ", "ÅÉÎ", "Straße", "😂", "中"]
    found = [word.decode() for word in lower(words).numpy()]
    assert found == [word.lower() for word in words]
    assert [w.decode() for w in standardized(words[:4]).numpy()] == found[:4]


def text_model(tokens):
    focus, classifier, network = text_networks("simple", tokens, 2, dim=4)
    model = FocusClassifier(focus, classifier, "lvml", encoder=TokenEncoder(tokens, network))
    model.build((None, None))
    return model


def test_loading_looking_up_and_serving_agree(tmp_path):
    """From lines to a vocabulary, to ids, to a SavedModel: the case of a letter changes nothing."""
    texts = ["Ärger im “Büro”", "ÄRGER überall!"]
    posts = Posts.from_lists(words_of(texts), [0, 1], [None, None])
    tokens = vocabulary(posts)
    assert sorted(tokens) == sorted(["!", "büro", "im", "ärger", "überall", "“", "”"])
    model = text_model(tokens)
    assert np.all(posts.encoded(model.encoder.look_up).tokens.flat_values >= 2)  # none unknown
    export(model, tmp_path / "model")
    served = tf.saved_model.load(tmp_path / "model").signatures
    for text in texts:
        one, other, third = (
            served["explain"](text=tf.constant([t])) for t in (text, text.lower(), text.upper())
        )
        assert [t.decode() for t in one["tokens"][0].numpy()] == words_of(text)
        for key in ("probabilities", "focus"):
            np.testing.assert_array_equal(one[key], other[key])
            np.testing.assert_array_equal(one[key], third[key])
        own = served["explain_tokens"](tokens=tf.constant([words_of(text)]))
        np.testing.assert_array_equal(own["focus"], one["focus"])


def test_a_vocabulary_of_ascii_case_keeps_its_meaning():
    """Configurations from before `case` was: their tokens may have other letters in upper case."""
    old = TokenEncoder(["Ärger", "tea"], text_networks("simple", ["Ärger", "tea"], 2, dim=4)[2])
    config = old.get_config()
    assert config.pop("case") == "unicode"
    again = TokenEncoder.from_config(config)
    assert again.case == "ascii"
    tokens = tf.constant(["Ärger", "ärger", "TEA"])
    np.testing.assert_array_equal(again.look_up(tokens), [2, 1, 3])
    np.testing.assert_array_equal(old.look_up(tokens), [1, 1, 3])
    assert TokenEncoder.from_config(again.get_config()).case == "ascii"
    with pytest.raises(ValueError, match=r"^case is 'upper', expected one of \['unicode', 'ascii'"):
        TokenEncoder(["tea"], old.network, case="upper")


@pytest.mark.slow  # reads the whole data set
def test_hatexplain_keeps_its_vocabulary(shared_dir):
    """The figures of docs/hatexplain.md were measured with the case of ASCII: no token differs."""
    posts = datasets.hatexplain.load("train", data_dir=shared_dir / "data" / "hatexplain").source
    tokens = posts.tokens.flat_values
    assert np.all(tf.strings.lower(tokens) == lower(tokens))
