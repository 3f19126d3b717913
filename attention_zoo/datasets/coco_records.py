"""Reads the `coco_captions` of `tensorflow_datasets`: captions, and where on disk pictures are."""

import itertools

import tensorflow as tf

from attention_zoo.datasets.coco_files import Listing
from attention_zoo.datasets.prepared import prepared

_NAMES = {"val": "validation"}  # TFDS's: ours; others are the same
_HEAD, _FOOT = 12, 4  # bytes of TFRecord before and after a record: its length, two checksums


def find(data_dir, download):
    """The builder of the prepared data set.

    Raises:
        FileNotFoundError: It is not there. ValueError: It is there in another format.
    """
    import tensorflow_datasets as tfds  # slow to import

    remedy = (
        "name a folder with annotations/captions_train2014.json and train2014/ as data_dir, or "
        "one where tensorflow_datasets has prepared it"
    )
    builder = prepared(tfds.builder("coco_captions", data_dir=data_dir), download, remedy=remedy)
    if builder.info.file_format is not tfds.core.FileFormat.TFRECORD:
        raise ValueError(
            f"{builder.data_dir} has {builder.info.file_format.name} files, expected TFRECORD"
        )
    return builder


def sizes(builder):
    """Pictures by split, "validation" for TFDS's "val"."""
    splits = builder.info.splits.items()
    return {_NAMES.get(name, name): split.num_examples for name, split in splits}


def read(builder, split):
    """The `Listing` of a split; reads its files once through, decodes no picture."""
    theirs = {ours: name for name, ours in _NAMES.items()}.get(split, split)
    found = Listing([], [], [], {"picture without captions": []})
    for path in builder.info.splits[theirs].filepaths:
        sizes, ids, captions = [], [], []
        for size, own, texts in tf.data.TFRecordDataset(str(path)).map(_facts).as_numpy_iterator():
            sizes.append(int(size))
            ids.append(int(own))
            captions.append([text.decode("utf-8", "ignore") for text in texts])
        starts = itertools.accumulate([_HEAD, *(size + _FOOT + _HEAD for size in sizes[:-1])])
        for own, texts, start, size in zip(ids, captions, starts, sizes, strict=True):
            if not texts:  # it stays: slices are of the pictures that TFDS counts
                found.left_out["picture without captions"].append(own)
            found.ids.append(own)
            found.places.append((str(path), start, size))
            found.captions.append(texts)
    return found


def _facts(record):
    """(bytes of the record, id of the picture, its captions)."""
    features = {
        "image/id": tf.io.FixedLenFeature((), tf.int64),
        "captions/text": tf.io.VarLenFeature(tf.string),
    }
    parsed = tf.io.parse_single_example(record, features)
    return (
        tf.strings.length(record),
        parsed["image/id"],
        tf.sparse.to_dense(parsed["captions/text"]),
    )
