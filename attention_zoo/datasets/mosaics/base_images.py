"""Base images: the labelled single images that mosaics are made of."""

import collections.abc
import dataclasses
import functools

import numpy as np

from attention_zoo._paths import expanded
from attention_zoo.datasets.tfds_utils import prepared

_CITATIONS = {
    "digits": "Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI (CC BY 4.0)",
    "cifar10": "Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
    "cifar100": "Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
    "mnist": "LeCun, Cortes and Burges, The MNIST Database of Handwritten Digits (CC BY-SA 3.0)",
    "fashion_mnist": "Xiao, Rasul and Vollgraf, Fashion-MNIST, arXiv:1708.07747 (MIT)",
}


@dataclasses.dataclass(frozen=True)
class BaseImages:
    """Labelled images, split by split.

    Attributes:
        class_names: Names in the order of the class ids.
        sizes: Number of images by split, "train" and "test".
        read: From a split's name to its images (N, ...) in host memory and labels (N,) int32.
        citation: Origin and licence, in one line.
    """

    class_names: tuple[str, ...]
    sizes: dict[str, int]
    read: collections.abc.Callable
    citation: str


def base_images(name, data_dir=None, download=True):
    """Finds base images by name; the pixels are read later, each split once.

    Args:
        name: "digits", which scikit-learn brings along, or a `tensorflow_datasets` name:
            "cifar10", "cifar100", "mnist", "fashion_mnist".
        data_dir: Where `tensorflow_datasets` keeps its data; None is its own default, the
            environment variable TFDS_DATA_DIR or else a folder in the user's home.
        download: Whether to fetch what is not there.

    Raises:
        FileNotFoundError: The data is neither there nor to be had.
    """
    if name == "digits":
        splits = _digits()
        names, sizes = map(str, range(10)), {split: len(splits[split][1]) for split in splits}
        return BaseImages(tuple(names), sizes, splits.__getitem__, _CITATIONS[name])
    info = _prepared_builder(name, data_dir, download).info
    sizes = {split: info.splits[split].num_examples for split in ("train", "test")}
    read = functools.partial(_read_tfds, str(info.data_dir))
    return BaseImages(tuple(info.features["label"].names), sizes, read, _CITATIONS[name])


@functools.cache
def _digits():
    """The 1,797 digits as bytes, (n, 8, 8, 1); the test split is every fifth image of a class."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = np.rint(bunch.images[..., None] * (255 / 16)).astype(np.uint8)
    labels = bunch.target.astype(np.int32)
    test = np.zeros(len(labels), bool)
    for label in range(10):
        test[np.flatnonzero(labels == label)[4::5]] = True
    return {"train": (images[~test], labels[~test]), "test": (images[test], labels[test])}


@functools.lru_cache(maxsize=2)
def _read_tfds(folder, split):
    """Reads a whole split, in the order on disk, into one tensor and its labels."""
    import tensorflow as tf
    import tensorflow_datasets as tfds

    batches = (
        tfds.builder_from_directory(folder)
        .as_dataset(
            split=split,
            shuffle_files=False,
            decoders=tfds.decode.PartialDecoding({"image": True, "label": True}),
            read_config=tfds.ReadConfig(try_autocache=False, interleave_cycle_length=1),
        )
        .batch(1000)
    )
    images, labels = zip(*((batch["image"], batch["label"]) for batch in batches), strict=True)
    with tf.device("CPU:0"):
        return tf.concat(images, axis=0), np.concatenate(labels).astype(np.int32)


def _prepared_builder(name, data_dir, download):
    """The `tensorflow_datasets` builder of a data set that is on disk."""
    import tensorflow_datasets as tfds  # slow to import

    return prepared(tfds.builder(name, data_dir=expanded(data_dir)), download)
