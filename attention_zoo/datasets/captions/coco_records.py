"""Reads the `coco_captions` of `tensorflow_datasets`: captions, and where on disk pictures are."""

import collections
import functools
import io
import os

import tensorflow as tf

from attention_zoo.datasets.captions.coco_files import WITHOUT_TEXT, Listing, has_text
from attention_zoo.datasets.captions.exif import orientation_in
from attention_zoo.datasets.tfds_utils import prepared

_NAMES = {"val": "validation"}  # TFDS's: ours; others are the same
_FIRST = 2**16  # bytes of a picture in which EXIF data are looked for
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
    """The `Listing` of a split; reads its files once through, decodes no picture.

    Whoever asks again, for another slice or for the vocabulary, gets the same `Listing`, as long as
    the files are as they were. Captions without a text are left out. Pictures without captions are
    noted, but stay: slices are of the pictures that TFDS counts.
    """
    theirs = {ours: name for name, ours in _NAMES.items()}.get(split, split)
    paths = [str(path) for path in builder.info.splits[theirs].filepaths]
    return _read(tuple((path, os.stat(path).st_mtime_ns) for path in paths))


@functools.lru_cache(maxsize=4)  # those of a run: its training, validation and test pictures
def _read(files):
    """The `Listing` of files (path, time of the last change)."""
    found = Listing([], [], [], collections.defaultdict(list))
    for path, _ in files:
        start = _HEAD
        for record in tf.data.TFRecordDataset(path).map(_facts).as_numpy_iterator():
            size, picture, texts, numbers, head = record
            texts = [text.decode("utf-8", "ignore") for text in texts]
            unsaid = [int(i) for i, text in zip(numbers, texts, strict=True) if not has_text(text)]
            found.left_out[WITHOUT_TEXT].extend(unsaid)
            texts = [text for text in texts if has_text(text)]
            if not texts:
                found.left_out["picture without captions"].append(int(picture))
            found.ids.append(int(picture))
            found.places.append((path, start, int(size)))
            found.captions.append(texts)
            found.turns.append(orientation_in(io.BytesIO(head)))
            start += int(size) + _FOOT + _HEAD
    return found


def _facts(record):
    """(bytes of the record, id of the picture, its captions, their ids, its first bytes)."""
    features = {
        "image/id": tf.io.FixedLenFeature((), tf.int64),
        "captions/text": tf.io.VarLenFeature(tf.string),
        "captions/id": tf.io.VarLenFeature(tf.int64),
        "image": tf.io.FixedLenFeature((), tf.string),
    }
    parsed = tf.io.parse_single_example(record, features)
    return (
        tf.strings.length(record),
        parsed["image/id"],
        tf.sparse.to_dense(parsed["captions/text"]),
        tf.sparse.to_dense(parsed["captions/id"]),
        tf.strings.substr(parsed["image"], 0, _FIRST),
    )
