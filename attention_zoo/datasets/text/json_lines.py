"""Posts of one's own: a folder of JSON Lines files, one post a line.

    {"tokens": ["the", "soup", "is", "cold"], "label": "complaint", "rationale": [0, 0, 0, 1]}

`rationale` may be absent: then the post counts for labels, not for the focus. Tokens are taken as
they are; those that `words_of` would cut are counted in the log, for a model exported to take texts
never meets them.
"""

import collections
from pathlib import Path

from absl import logging

from attention_zoo._json import loads
from attention_zoo._paths import expanded
from attention_zoo._text import is_text, num_cut
from attention_zoo.datasets.splits import parts_of
from attention_zoo.datasets.text.posts import Posts, describe


def load(split="train", *, data_dir=None, seed=0):
    """Loads the posts of a split.

    Args:
        split: The name of a file in the folder without its ".jsonl", such as "train", or TFDS
            slices and sums of such names.
        data_dir: The folder; it has a train.jsonl, whose labels, in alphabetical order, are the
            classes.
        seed: Changes nothing; every data set takes one.

    Returns:
        `TextInfo`, its source the posts. A rationale of the wrong length is left out and counted.

    Raises:
        ValueError: A line is no such post; says which, not what it says. FileNotFoundError: There
        is no folder with a train.jsonl.
    """
    folder = Path("." if data_dir is None else expanded(data_dir))
    files = {one.stem: one for one in sorted(folder.glob("*.jsonl")) if one.name[0] != "."}
    if "train" not in files:
        raise FileNotFoundError(f"data_dir is {data_dir!r}, expected a folder with a train.jsonl")
    left_out: collections.Counter = collections.Counter()
    lines = {name: _lines(path) for name, path in files.items()}
    sizes = {name: len(some) for name, some in lines.items()}
    parts = parts_of(split, sizes, "posts")
    class_names = sorted({_post(files["train"], i, line)[1] for i, line in lines["train"]})
    if len(class_names) < 2:
        raise ValueError(f"{files['train']} has {len(class_names)} labels, expected 2 or more")
    posts = [
        _post(files[name], number, line, left_out)
        for name, _, rows in parts
        for number, line in lines[name][rows.start : rows.stop]
    ]
    tokens, labels, rationales = zip(*posts, strict=True)
    unknown = sorted(set(labels) - set(class_names))
    if unknown:
        raise ValueError(
            f"split {split!r} has the label {unknown[0]!r}, expected one of {class_names}, the "
            "labels in train.jsonl"
        )
    _tell_cut(split, tokens)
    ids = [class_names.index(label) for label in labels]
    source = Posts.from_lists(tokens, ids, rationales)
    citation = f"the files in {folder}"
    return describe("json_lines", split, source, class_names, left_out, citation, parts)


def _lines(path):
    """(number, line) of those that hold something; what else may end a line elsewhere is text."""
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not UTF-8, expected JSON Lines in UTF-8") from None
    return [(i, line) for i, line in enumerate(text.split("\n"), start=1) if line.strip()]


def _tell_cut(split, posts):
    """Logs how many different tokens of posts the rule for texts would cut."""
    tokens = sorted({token for post in posts for token in post if token})
    if count := num_cut(tokens):
        logging.warning(
            "json_lines, %s: %d of %d different tokens are none by the rule for texts (words_of)",
            split,
            count,
            len(tokens),
        )


def _post(path, number, line, left_out=None):
    """(tokens, label, rationale or None) of a line."""
    try:
        entry = loads(line)
        tokens, label, rationale = entry["tokens"], entry["label"], entry.get("rationale")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{_at(path, number)} is no object with tokens and a label") from error
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise ValueError(f"{_at(path, number)} has tokens that are no list of strings")
    if not all(map(is_text, tokens)):
        raise ValueError(f"{_at(path, number)} has a token with half of a surrogate pair")
    if not isinstance(label, str):
        raise ValueError(f"{_at(path, number)} has a label that is no string")
    if not is_text(label):
        raise ValueError(f"{_at(path, number)} has a label with half of a surrogate pair")
    if rationale is None:
        return tokens, label, None
    if not isinstance(rationale, list) or not all(mark in (0, 1) for mark in rationale):
        raise ValueError(f"{_at(path, number)} has a rationale that is no list of zeros and ones")
    if len(rationale) != len(tokens):
        if left_out is not None:
            left_out["rationale of wrong length"] += 1
        return tokens, label, None
    return tokens, label, rationale


def _at(path, number):
    return f'{path}, line {number}, expected {{"tokens": [...], "label": "...", ...}}: it'
