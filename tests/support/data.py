"""Data: the shared folder, HateXplain and COCO in small, strange texts."""

import json
import os
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def shared_dir():
    """The folder of data to run on: $ATTENTION_ZOO_SHARED, or `shared` beside the repository."""
    beside = Path(__file__).resolve().parents[3] / "shared"
    path = Path(os.environ.get("ATTENTION_ZOO_SHARED", beside))
    if not path.is_dir():
        pytest.skip(f"needs the shared data: no folder {path} (set ATTENTION_ZOO_SHARED)")
    return path


@pytest.fixture(scope="session")
def miniature():
    """HateXplain in small, with harmless words: (posts, divisions) of the official files' form.

    "thunder" makes a post hatespeech, "drizzle" offensive; three annotators agree on that and
    mark it, the third marks the token after it as well. Every seventh post is judged three ways.
    """
    rng = np.random.default_rng(0)
    words = ["sun", "soup", "tree", "lake", "book", "door", "lamp", "bird", "tea", "road"]
    posts, divisions = {}, {"train": [], "val": [], "test": []}
    for i in range(150):
        label = ("normal", "offensive", "hatespeech")[i % 3]
        tokens = list(rng.choice(words, rng.integers(3, 15)))
        z = int(rng.integers(len(tokens) - 1))
        if label != "normal":
            tokens[z] = {"offensive": "drizzle", "hatespeech": "thunder"}[label]
        mark = [int(j == z) for j in range(len(tokens))]
        marks = [mark, list(mark), [int(j in (z, z + 1)) for j in range(len(tokens))]]
        labels = ["normal", "offensive", "hatespeech"] if i % 7 == 6 else [label] * 3
        posts[f"{i}_post"] = {
            "post_id": f"{i}_post",
            "annotators": [
                {"label": one, "annotator_id": k, "target": ["None", "Other"][: k + 1]}
                for k, one in enumerate(labels)
            ],
            "rationales": [] if labels == ["normal"] * 3 else marks[3 - _marking(labels) :],
            "post_tokens": tokens,
        }
        divisions[("train", "train", "train", "val", "test")[i % 5]].append(f"{i}_post")
    return posts, divisions


def _marking(labels):
    return sum(label != "normal" for label in labels)


@pytest.fixture(scope="session")
def hatexplain_dir(miniature, tmp_path_factory):
    """A folder with the miniature as official files."""
    folder = tmp_path_factory.mktemp("hatexplain")
    for name, content in zip(("dataset.json", "post_id_divisions.json"), miniature, strict=True):
        (folder / name).write_text(json.dumps(content))
    return folder


@pytest.fixture(scope="session")
def strange_texts():
    """Tokens that a model of the miniature must bear with, by what is strange."""
    return {
        "unknown words": ["xylophone", "quark"],
        "nothing": [],
        "an empty token": ["", "thunder"],
        "1,000 tokens": ["soup"] * 999 + ["thunder"],
        "emoji": ["🌧️", "thunder", "👨‍👩‍👧"],
        "right to left": ["שלום", "thunder", "مرحبا"],
    }


@pytest.fixture(scope="session")
def coco_dir(tmp_path_factory):
    """A folder in the layout of COCO: a coloured square in a corner of each of 60 + 16 pictures.

    Three captions each, one of them with a word that comes once. Ids are 1000 and up.
    """
    import tensorflow

    folder = tmp_path_factory.mktemp("coco")
    rng = np.random.default_rng(0)
    colours = {"red": (230, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 230)}
    (folder / "annotations").mkdir()
    for split, count in (("train2014", 60), ("val2014", 16)):
        (folder / split).mkdir()
        images, annotations = [], []
        for i in range(count):
            colour = list(colours)[i % 3]
            top, left = (rng.integers(2, size=2) * 16).tolist()
            pixels = np.full((32, 32, 3), 128, np.uint8)
            pixels[top + 2 : top + 14, left + 2 : left + 14] = colours[colour]
            name = f"{i:03d}.png"
            (folder / split / name).write_bytes(tensorflow.io.encode_png(pixels).numpy())
            images.append({"id": 1000 + i, "file_name": name})
            where = f"the {('upper', 'lower')[top > 0]} {('left', 'right')[left > 0]}"
            for text in (
                f"A {colour} square in {where} corner.",
                f"There is a {colour} square, in {where}!",
                f"One {colour} square named unique{i}",
            ):
                annotations.append({"id": len(annotations), "image_id": 1000 + i, "caption": text})
        content = json.dumps({"images": images, "annotations": annotations})
        (folder / "annotations" / f"captions_{split}.json").write_text(content)
    return folder
