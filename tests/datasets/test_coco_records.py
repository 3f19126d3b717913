"""The `coco_captions` of `tensorflow_datasets`, a tiny one prepared here."""

import os
import shutil

import numpy as np
import pytest
import requests
import tensorflow as tf
import tensorflow_datasets as tfds

from attention_zoo import datasets
from attention_zoo.datasets.captions import coco_records

COUNTS = {"train": 30, "val": 7, "test": 4, "restval": 3}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Picture i of a split is of the grey 8 i, and says so; the last has no captions.

    Of the captions of the first, two have no text.
    """
    folder = tmp_path_factory.mktemp("tfds")
    features = {
        "image": tfds.features.Image(encoding_format="png"),
        "image/filename": tfds.features.Text(),
        "image/id": np.int64,
        "captions": tfds.features.Sequence({"id": np.int64, "text": tfds.features.Text()}),
    }
    tfds.dataset_builders.store_as_tfds_dataset(
        name="coco_captions",
        version="1.1.0",
        config="2014",
        data_dir=folder,
        features=tfds.features.FeaturesDict(features),
        split_datasets={split: _examples(count) for split, count in COUNTS.items()},
    )
    return folder


def _examples(count):
    def examples():
        for i in range(count):
            said = [f"Grey number {i}.", "A grey picture"] if i < count - 1 else []
            said += ["", "..."] if i == 0 else []
            yield {
                "image": np.full((20, 30 + i, 3), 8 * i, np.uint8),
                "image/filename": f"{i}.png",
                "image/id": i,
                "captions": {"id": 10 * i + np.arange(len(said)), "text": np.array(said, object)},
            }

    signature = {
        "image": tf.TensorSpec((None, None, 3), tf.uint8),
        "image/filename": tf.TensorSpec((), tf.string),
        "image/id": tf.TensorSpec((), tf.int64),
        "captions": {
            "id": tf.TensorSpec((None,), tf.int64),
            "text": tf.TensorSpec((None,), tf.string),
        },
    }
    return tf.data.Dataset.from_generator(examples, output_signature=signature)


def load(folder, split="train", **options):
    options = {"image_size": 8, "min_count": 1} | options
    return datasets.load("coco_captions", split, data_dir=folder, **options)


def test_pictures_are_found_in_the_records(prepared):
    dataset, info = load(prepared, batch_size=16)
    assert (info.num_pictures, info.num_examples) == (29, 58)
    assert info.left_out == {"caption without text": [2, 3], "picture without captions": [29]}
    assert info.vocabulary[0] == "grey"
    seen = set()
    for inputs, targets in dataset:
        for image, row in zip(inputs["image"].numpy(), targets["words"].numpy()):
            words = [info.vocabulary[i - 4] for i in row if i > 3]
            if "number" in words:
                assert image.shape == (8, 8, 3) and set(image.ravel()) == {8 * int(words[-1])}
                seen.add(int(words[-1]))
    assert seen == set(range(29))


def test_records_are_read_once_until_they_change(prepared, tmp_path, monkeypatch):
    """By whoever asks for another slice, for the vocabulary alone, or for the same again."""
    folder = shutil.copytree(prepared, tmp_path / "tfds")
    read = []

    class Counted(tf.data.TFRecordDataset):
        def __init__(self, path):
            read.append(path)
            super().__init__(path)

    monkeypatch.setattr(coco_records.tf.data, "TFRecordDataset", Counted)
    first = load(folder, "train[:20]")[1]
    load(folder, "train[20:]"), load(folder, "validation")
    again = load(folder, "train[:20]")[1]
    assert ["train" in path for path in read] == [True, False]
    assert again.source.pictures.places == first.source.pictures.places
    assert again.left_out == first.left_out
    os.utime(read[0], (0, 0))
    load(folder, "train[:20]")
    assert len(read) == 3 and read[2] == read[0]


def test_splits_have_our_names(prepared):
    sizes = {split: load(prepared, split)[1].num_pictures for split in ("validation", "test")}
    assert sizes == {"validation": 6, "test": 3}
    assert load(prepared, "train[:10]+restval")[1].num_pictures in (11, 12)
    with pytest.raises(ValueError, match="^split is 'val', expected train or validation or"):
        load(prepared, "val")


def test_what_is_not_there_is_told_with_its_remedy(tmp_path, monkeypatch):
    def unreachable(*args, **options):
        raise requests.ConnectionError

    monkeypatch.setattr(requests, "head", unreachable)
    message = r"^coco_captions is not in .* \(download=False\); name a folder with annotations/cap"
    with pytest.raises(FileNotFoundError, match=message):
        load(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"\(ConnectionError\); name a folder with annota"):
        load(tmp_path / "nowhere", download=True)
    assert not (tmp_path / "nowhere").exists()
