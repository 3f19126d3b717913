"""Equal data have equal fingerprints; whatever differs in them is seen."""

import hashlib
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from attention_zoo import datasets
from attention_zoo.datasets.fingerprint import file_fingerprint, fingerprint, path_fingerprint


def test_numbers_are_told_apart_by_value_shape_and_type():
    x = np.arange(6, dtype=np.int32)
    others = [x + 1, x.reshape(2, 3), x.astype(np.int64), x.astype(np.float32), x[:5]]
    assert fingerprint(x) == fingerprint(tf.constant(x)) == fingerprint(x[::-1][::-1])
    assert len({fingerprint(one) for one in [x, *others]}) == 6
    assert fingerprint(x, x[:0]) != fingerprint(x) != fingerprint(x[:0], x)


@pytest.mark.parametrize(
    "others", [["ab", "c"], ["a", "b", "c"], ["abc"], ["a", "bc", ""], ["bc", "a"]]
)
def test_texts_are_told_apart_by_where_they_end(others):
    assert fingerprint(["a", "bc"]) == fingerprint(tf.constant([b"a", b"bc"]))
    assert fingerprint(["a", "bc"]) != fingerprint(others)


def test_a_file_is_its_bytes(tmp_path):
    data = bytes(range(256)) * 8192
    (tmp_path / "file").write_bytes(data)
    assert file_fingerprint(tmp_path / "file") == hashlib.sha256(data).hexdigest()
    assert file_fingerprint(tmp_path / "none") == hashlib.sha256(b"").hexdigest()


def test_a_folder_is_all_files_below_and_where_they_are(tmp_path):
    """As KerasHub's presets: the tokenizer is in assets/tokenizer."""
    (tmp_path / "assets/tokenizer").mkdir(parents=True)
    empty, words = path_fingerprint(tmp_path), tmp_path / "assets/tokenizer/vocabulary.txt"
    found = []
    for text in ("the soup", "the soap"):
        words.write_text(text)
        found.append(path_fingerprint(tmp_path))
    words.rename(tmp_path / "assets/vocabulary.txt")
    found.append(path_fingerprint(tmp_path))
    assert len({empty, *found}) == 4


def test_hidden_folders_are_passed_over(tmp_path):
    (tmp_path / "vocabulary.txt").write_text("soup")
    before = path_fingerprint(tmp_path)
    for folder in (".cache/huggingface", "assets/.git"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "when").write_text("today")
    assert path_fingerprint(tmp_path) == before


def test_a_folder_without_folders_is_its_names_and_files(tmp_path):
    """Runs that have begun know it by this."""
    files = [tmp_path / name for name in ("a.txt", "b.txt")]
    for file in reversed(files):
        file.write_text(file.name)
    found = fingerprint(["a.txt", "b.txt"], list(map(file_fingerprint, files)))
    assert path_fingerprint(tmp_path) == found
    assert found.startswith("d73df3db21830834")


def mosaics(images, **changes):
    settings = {"foreground_classes": [0, 1], "num_segments": 3, "num_examples": 20} | changes
    return datasets.sdc.from_arrays(images, np.arange(12) % 4, **settings).fingerprint()


def test_mosaics_are_told_apart_by_a_pixel_and_by_their_draw():
    images = np.arange(48, dtype=np.uint8).reshape(12, 2, 2, 1)
    other = images.copy()
    other[7, 1, 1] ^= 1
    assert mosaics(images) == mosaics(images.copy())
    found = [mosaics(images), mosaics(other), mosaics(images, seed=1)]
    found += [mosaics(images, num_examples=19), mosaics(images, foreground_classes=[1, 0])]
    assert len(set(found)) == 5


POSTS = [
    {"tokens": ["the", "soup"], "label": "a", "rationale": [0, 1]},
    {"tokens": ["is", "cold"], "label": "b"},
]
CHANGES = [
    lambda posts: posts[0].update(label="b"),
    lambda posts: posts[0].update(rationale=[1, 0]),
    lambda posts: posts[0].update(tokens=["thesoup", ""]),
    lambda posts: posts.append(posts[0]),
    lambda posts: posts.reverse(),
]


def posts_in(folder, change=lambda posts: None):
    posts = json.loads(json.dumps(POSTS))
    change(posts)
    folder.mkdir(exist_ok=True)
    lines = [json.dumps(post) for post in [*posts, *POSTS]]  # both classes stay
    (folder / "train.jsonl").write_text("\n".join(lines))
    return datasets.load("json_lines", data_dir=folder)[1].source.fingerprint()


def test_posts_are_told_apart_by_whatever_is_read_of_them(tmp_path):
    assert posts_in(tmp_path / "a") == posts_in(tmp_path / "b")
    found = {posts_in(tmp_path / "a", change) for change in CHANGES}
    assert len(found | {posts_in(tmp_path / "a")}) == 6


def test_captions_are_told_apart_by_words_and_pictures_not_by_their_folder(coco_dir, tmp_path):
    def found(folder):
        return datasets.load("coco_captions", data_dir=folder, image_size=32)[
            1
        ].source.fingerprint()

    shutil.copytree(coco_dir, tmp_path / "copy")
    assert found(tmp_path / "copy") == found(coco_dir)
    picture = tmp_path / "copy/train2014/007.png"
    data = bytearray(picture.read_bytes())
    data[-20] ^= 1
    picture.write_bytes(data)
    other = found(tmp_path / "copy")
    annotations = tmp_path / "copy/annotations/captions_train2014.json"
    annotations.write_text(annotations.read_text().replace("There is a red", "There was a red", 1))
    assert len({found(coco_dir), other, found(tmp_path / "copy")}) == 3
