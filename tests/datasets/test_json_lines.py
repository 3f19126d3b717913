import json

import pytest

from attention_zoo import datasets

POSTS = [
    {"tokens": ["the", "soup", "is", "cold"], "label": "complaint", "rationale": [0, 0, 0, 1]},
    {"tokens": ["good", "soup"], "label": "praise"},
    {"tokens": ["late"], "label": "complaint", "rationale": [1, 0]},
    {"tokens": [], "label": "praise", "rationale": []},
]


@pytest.fixture
def written(tmp_path):
    def write(*posts, name="train"):
        lines = [post if isinstance(post, str) else json.dumps(post) for post in posts]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines) + "\n\n", "utf-8")
        return tmp_path

    return write


def load(folder, split="train"):
    return datasets.load("json_lines", split, data_dir=folder, batch_size=10)


def test_posts_are_what_the_lines_say(written):
    folder = written(*POSTS)
    ((tokens, targets),), info = load(folder)
    assert tokens.numpy()[0, :5].tolist() == [b"the", b"soup", b"is", b"cold", b""]
    assert targets["label"].numpy().tolist() == [0, 1, 0, 1]
    assert targets["focus"].numpy().sum(axis=1).tolist() == [1, 0, 0, 0]
    assert info.class_names == ("complaint", "praise") and info.num_known == 1
    assert info.left_out == {"rationale of wrong length": 1}


def test_other_files_are_other_splits(written):
    written(*POSTS)
    folder = written(POSTS[1], name="my-test")
    assert load(folder, "my-test")[1].num_examples == 1
    assert load(folder, "train[2:]+my-test")[1].num_examples == 3


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r"train.jsonl, line 2, expected .*: it is no object with tokens and a label$"),
        ("[]", "is no object with tokens and a label$"),
        ('{"label": "praise"}', "is no object with tokens and a label$"),
        ({"tokens": "late again", "label": "praise"}, "has tokens that are no list of strings$"),
        ({"tokens": ["late", 3], "label": "praise"}, "has tokens that are no list of strings$"),
        ({"tokens": ["a", "\ud800"], "label": "praise"}, "line 2,.* half of a surrogate pair$"),
        (
            {"tokens": [], "label": "prai\udfffse"},
            "line 2,.* a label with half of a",
        ),
        ({"tokens": ["late"], "label": 3}, "has a label that is no string$"),
        (
            {"tokens": ["late"], "label": "x", "rationale": [2]},
            "rationale that is no list of zeros",
        ),
    ],
)
def test_unsound_lines_are_one_line_errors_without_text(written, line, message):
    with pytest.raises(ValueError, match=message) as error:
        load(written(POSTS[0], line))
    assert "\n" not in str(error.value) and "late" not in str(error.value)


def test_what_elsewhere_ends_a_line_is_text(tmp_path):
    strange = ["so\u2028up", "so\u0085up", "so\x0bup"]
    lines = [{"tokens": strange, "label": "praise"}, POSTS[0]]
    text = "\r\n".join(json.dumps(line, ensure_ascii=False) for line in lines)
    (tmp_path / "train.jsonl").write_bytes(b"\xef\xbb\xbf" + text.encode())
    ((tokens, _),), info = load(tmp_path)
    assert info.num_examples == 2
    assert [token.decode() for token in tokens.numpy()[0, :3]] == strange


def test_a_file_that_is_not_utf_8(tmp_path):
    (tmp_path / "train.jsonl").write_bytes(b'{"tokens": ["caf\xe9"], "label": "praise"}')
    with pytest.raises(ValueError, match="train.jsonl is not UTF-8, expected JSON Lines in UTF-8$"):
        load(tmp_path)


def test_labels_are_those_of_the_training_file(written):
    written(*POSTS)
    folder = written({"tokens": [], "label": "question"}, name="test")
    with pytest.raises(
        ValueError, match=r"^split 'test' has the label 'question', expected one of"
    ):
        load(folder, "test")
    with pytest.raises(ValueError, match="train.jsonl has 1 labels, expected 2 or more$"):
        load(written(POSTS[0]))


def test_a_folder_without_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="expected a folder with a train.jsonl$"):
        load(tmp_path)


def test_lines_are_counted_as_they_stand_in_the_file(tmp_path):
    text = f"{json.dumps(POSTS[0])}\n\n  \n{{}}\n"
    (tmp_path / "train.jsonl").write_text(text)
    with pytest.raises(ValueError, match="train.jsonl, line 4, expected"):
        load(tmp_path)


def test_tokens_that_no_text_has_are_counted_in_the_log(written, caplog):
    load(written(*POSTS))
    assert caplog.text == ""
    load(written({"tokens": ["“cold”", "so-so", "no,"], "label": "praise"}, *POSTS))
    assert "json_lines, train: 2 of 9 different tokens are none by the rule" in caplog.text


def test_files_that_a_system_puts_beside_are_none_of_the_data(tmp_path, written):
    folder = written(POSTS[0], POSTS[1])
    (folder / "._train.jsonl").write_bytes(b"\x00\x05\x16\x07\xff")  # of macOS
    assert load(folder)[1].num_examples == 2
