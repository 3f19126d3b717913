"""Reads the official files of HateXplain, as they are and as they should not be."""

import collections
import json
from pathlib import Path

from attention_zoo._text import is_text
from attention_zoo.datasets.text.annotated_post import AnnotatedPost

SITE = "https://raw.githubusercontent.com/hate-alert/HateXplain/master/Data"
CITATION = (
    "Mathew et al., HateXplain: A Benchmark Dataset for Explainable Hate Speech Detection, "
    "AAAI 2021, arXiv:2012.10289 (data: CC BY 4.0, files: MIT)"
)
LABELS = ("normal", "offensive", "hatespeech")
FILES = {"posts": "dataset.json", "divisions": "post_id_divisions.json"}
SPLITS = {"train": "train", "validation": "val", "test": "test"}  # ours: that of the file


def read(posts_file, divisions_file):
    """Reads the posts of every split.

    Left out and counted: an id that comes a second time (the first stays), an id of the divisions
    that names no post, a rationale whose length is not that of its post or whose marks are not 0
    and 1 (the post stays). A rationale that marks nothing, or begins with -1, is none, as in the
    scripts of the data set.

    Where a file lists fewer rationales than annotators they are taken for those of the annotators
    who did not call the post normal, in order; which is so is not in the file, and matters to the
    single annotators only.

    Args:
        posts_file: Path of dataset.json.
        divisions_file: Path of post_id_divisions.json.

    Returns:
        Lists of `AnnotatedPost` by split, and `collections.Counter` of what was left out, by split.

    Raises:
        ValueError: A file is not what it should be; names the post by its id, never by its text.
    """
    left_out: dict[str, collections.Counter] = {split: collections.Counter() for split in SPLITS}
    entries, twice = _read_json(posts_file)
    divisions, _ = _read_json(divisions_file)
    if sorted(divisions) != sorted(SPLITS.values()):
        raise ValueError(
            f"{Path(divisions_file).name} has the splits {sorted(divisions)}, expected "
            f"{sorted(SPLITS.values())}"
        )
    for name, ids in divisions.items():
        if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
            raise ValueError(f"split {name!r} of {Path(divisions_file).name} is no list of ids")
    posts: dict[str, list[AnnotatedPost]] = {}
    seen = set()
    for split, theirs in SPLITS.items():
        posts[split] = []
        for post_id in divisions[theirs]:
            if post_id in seen or post_id not in entries:
                left_out[split]["duplicate id" if post_id in seen else "unknown id"] += 1
                continue
            seen.add(post_id)
            left_out[split].update({"duplicate id": twice[post_id]} if twice[post_id] else {})
            posts[split].append(_post(post_id, entries[post_id], left_out[split]))
    return posts, left_out


def _read_json(path):
    """A JSON object, the first of equal keys, and how often each key came again."""
    twice: collections.Counter = collections.Counter()

    def first_of_each(pairs):
        found: dict = {}
        for key, value in pairs:
            if key in found:
                twice[key] += 1
            found.setdefault(key, value)
        return found

    try:
        with open(path, encoding="utf-8-sig") as file:
            found = json.load(file, object_pairs_hook=first_of_each)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is no JSON in UTF-8, expected an official file") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path} is a JSON {type(found).__name__}, expected an object")
    return found, twice


def _post(post_id, entry, left_out):
    try:
        tokens = entry["post_tokens"]
        annotators = entry["annotators"]
        labels = tuple(str(one["label"]).lower() for one in annotators)
        given = _by_annotator(entry.get("rationales") or [], labels)
        targets = tuple(tuple(map(str, one.get("target") or ())) for one in annotators)
        rationales = tuple(_sound(marks, len(tokens), left_out) for marks in given)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"post {post_id!r} lacks {error}, expected post_tokens, annotators and rationales"
        ) from error
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise ValueError(f"post {post_id!r} has tokens that are no list of strings")
    if not all(map(is_text, [post_id, *tokens, *(name for names in targets for name in names)])):
        raise ValueError(f"post {post_id!r} has half of a surrogate pair, expected text")
    if not labels or not set(labels) <= set(LABELS):
        raise ValueError(
            f"post {post_id!r} has the labels {list(labels)}, expected one or more of "
            f"{list(LABELS)}"
        )
    return AnnotatedPost(post_id, tuple(tokens), labels, rationales, targets)


def _by_annotator(rationales, labels):
    """A rationale or None for every annotator: files list those who marked the post only."""
    if len(rationales) == len(labels):
        return list(rationales)
    marking = [label != LABELS[0] for label in labels]
    rest = iter(rationales)
    return [next(rest, None) if marks else None for marks in marking]


def _sound(marks, length, left_out):
    """The marks as a tuple of zeros and ones; None for none, and for what is left out."""
    if marks is None or marks[:1] == [-1]:
        return None
    if len(marks) != length:
        left_out["rationale of wrong length"] += 1
        return None
    if not all(mark in (0, 1) for mark in marks):
        left_out["unsound rationale"] += 1
        return None
    return tuple(map(int, marks)) if any(marks) else None
