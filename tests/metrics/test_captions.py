import shutil

import pytest

from attention_zoo import metrics
from attention_zoo.metrics import captions as module

REFERENCES = [
    ["a red square on a white field", "the red square lies on white ground", "red square"],
    ["two blue discs and a line", "a line between two blue discs"],
    ["a green triangle stands on its point", "the triangle is green", "a triangle upside down"],
    ["nothing but grey", "a grey field"],
]
CAPTIONS = [
    "a red square on white ground",
    "two discs and a blue line",
    "a green square stands on its point",
    "a red field",
]
# What COCOEvalCap of pycocoevalcap 1.2 gives for these, its Java tokeniser included.
EXPECTED = {
    "bleu_1": 0.8686936692558318,
    "bleu_2": 0.7122346352256478,
    "bleu_3": 0.5922561487453523,
    "bleu_4": 0.4463797843034924,
    "rouge_l": 0.8203463203463203,
    "cider": 2.2805834637766855,
}


@pytest.fixture
def without_java(monkeypatch):
    pytest.importorskip("pycocoevalcap")
    monkeypatch.setattr(module.shutil, "which", lambda name: None)


@pytest.mark.usefixtures("without_java")
def test_scores_are_those_of_the_library():
    assert metrics.caption_scores(REFERENCES, CAPTIONS) == pytest.approx(EXPECTED, abs=1e-9)
    assert metrics.missing_scores() == {"meteor": "there is no Java that runs"}


def test_the_library_agrees_with_its_own_tokeniser():
    """The words that its tokeniser makes of captions as they are written are those given here."""
    pytest.importorskip("pycocoevalcap")
    if shutil.which("java") is None:
        pytest.skip("needs Java")
    from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

    written = {i: [{"caption": f"{one.capitalize()}."} for one in some] for i, some in _all()}
    assert list(PTBTokenizer().tokenize(written).values()) == [some for _, some in _all()]


def _all():
    return enumerate([*REFERENCES, CAPTIONS])


@pytest.mark.slow
def test_meteor_where_there_is_java():
    pytest.importorskip("pycocoevalcap")
    if shutil.which("java") is None:
        pytest.skip("needs Java")
    scores = metrics.caption_scores(REFERENCES, CAPTIONS)
    assert scores == pytest.approx(EXPECTED | {"meteor": 0.3989543953021675}, abs=1e-9)
    assert metrics.missing_scores() == {}
    assert metrics.caption_scores(REFERENCES, [""] * 4)["meteor"] == pytest.approx(0.0, abs=1e-6)


@pytest.mark.usefixtures("without_java")
def test_a_java_that_does_not_run_is_none(tmp_path, monkeypatch):
    pytest.importorskip("pycocoevalcap")
    (tmp_path / "java").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "java").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert metrics.missing_scores() == {"meteor": "there is no Java that runs"}
    assert "meteor" not in metrics.caption_scores(REFERENCES, CAPTIONS)


@pytest.mark.usefixtures("without_java")
def test_a_caption_that_repeats_a_reference_is_the_best_and_an_empty_one_the_worst():
    best = metrics.caption_scores(REFERENCES, [some[0] for some in REFERENCES])
    assert best["bleu_1"] == pytest.approx(1.0, abs=1e-6)
    assert best["rouge_l"] == pytest.approx(1.0, abs=1e-6)
    worst = metrics.caption_scores(REFERENCES, [""] * 4)
    assert all(value == pytest.approx(0.0, abs=1e-6) for value in worst.values())


@pytest.mark.usefixtures("without_java")
def test_blanks_do_not_matter():
    spaced = [f" {caption.replace(' ', '  ')} " for caption in CAPTIONS]
    assert metrics.caption_scores(REFERENCES, spaced) == pytest.approx(EXPECTED, abs=1e-9)


def test_without_the_library_it_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"^pycocoevalcap is not installed, .*zoo\[captions\]$"):
        metrics.caption_scores(REFERENCES, CAPTIONS)
    assert set(metrics.missing_scores()) == {*EXPECTED, "meteor"}


@pytest.mark.parametrize(
    ("references", "captions", "message"),
    [
        (REFERENCES, CAPTIONS[:1], "^references are of 4 pictures, captions of 1, expected the sa"),
        ([], [], "^references are of 0 pictures, captions of 0, expected the same number, 1 or"),
        (["a grey field"], ["a"], "^references of picture 0 are 'a grey field', expected a list"),
        ([[]], ["a"], r"^references of picture 0 are \[\], expected a list of strings$"),
    ],
)
def test_bad_input(references, captions, message):
    with pytest.raises(ValueError, match=message):
        metrics.caption_scores(references, captions)
