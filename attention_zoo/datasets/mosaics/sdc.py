"""Selective dependence classification: one foreground image among background images.

A mosaic is m images: one of a foreground class at a uniformly random position, m - 1 of the
background classes, all drawn uniformly with replacement. Its label is the foreground image's
class, its focus the position.

Reference: arXiv:2307.13421.
"""

import collections.abc
import zlib

import numpy as np

from attention_zoo._class_names import as_class_names
from attention_zoo._lazy import needed_for
from attention_zoo.datasets.mosaics.base_images import base_images
from attention_zoo.datasets.mosaics.mosaic_sampling import check_counts, draw
from attention_zoo.datasets.mosaics.mosaics import DatasetInfo
from attention_zoo.datasets.splits import is_test, parts_of, select

_CIFAR100_SUPERCLASSES = {
    "aquatic mammals": ("beaver", "dolphin", "otter", "seal", "whale"),
    "fish": ("aquarium_fish", "flatfish", "ray", "shark", "trout"),
    "insects": ("bee", "beetle", "butterfly", "caterpillar", "cockroach"),
    "large carnivores": ("bear", "leopard", "lion", "tiger", "wolf"),
    "large omnivores and herbivores": ("camel", "cattle", "chimpanzee", "elephant", "kangaroo"),
    "medium-sized mammals": ("fox", "porcupine", "possum", "raccoon", "skunk"),
    "non-insect invertebrates": ("crab", "lobster", "snail", "spider", "worm"),
    "people": ("baby", "boy", "girl", "man", "woman"),
    "reptiles": ("crocodile", "dinosaur", "lizard", "snake", "turtle"),
    "small mammals": ("hamster", "mouse", "rabbit", "shrew", "squirrel"),
}

# Names or ids of the foreground classes of each set of base images, in the order of the labels.
FOREGROUND_CLASSES: dict[str, tuple[str | int, ...]] = {
    "digits": (0, 1, 2),
    "cifar10": ("airplane", "automobile", "bird"),
    "cifar100": tuple(name for names in _CIFAR100_SUPERCLASSES.values() for name in names),
    "mnist": (0, 1, 2),
    "fashion_mnist": (0, 1, 2),
}


def class_ids(classes, class_names):
    """Turns foreground classes, names or ids, into ids.

    Args:
        classes: Names out of `class_names`, or ids.
        class_names: All class names, in the order of the ids.
    """
    classes = as_list(classes)
    ids = {name: i for i, name in enumerate(class_names)} | {i: i for i in range(len(class_names))}
    unknown = [one for one in classes if one not in ids]
    if unknown:
        raise ValueError(
            f"foreground_classes has {unknown}, expected ids below {len(class_names)} "
            f"or names among {', '.join(class_names)}"
        )
    return [ids[one] for one in classes]


def as_list(classes):
    """Foreground classes as a list; ValueError where they are no sequence, or one name alone."""
    if isinstance(classes, str) or not isinstance(classes, collections.abc.Iterable):
        raise ValueError(f"foreground_classes is {classes!r}, expected a list of classes")
    return list(classes)


def from_arrays(
    images,
    labels,
    *,
    foreground_classes,
    num_segments,
    num_examples,
    class_names=None,
    seed=0,
):
    """Draws mosaics from a user's own arrays.

    Args:
        images: One image or vector a row, (N, ...): uint8, scaled to [-1, 1] when gathered, or
            floating, kept as they are.
        labels: Class ids of the images, (N,), integer.
        foreground_classes: Ids of the foreground classes, in the order of the mosaics' labels;
            all other classes are background.
        num_segments: Images a mosaic, m.
        num_examples: Mosaics to draw, n.
        class_names: Names of the foreground classes, in their order; None takes their ids, as
            text.
        seed: An integer, or a sequence of them.

    Returns:
        `Mosaics`.
    """
    check_counts(num_segments, num_examples)
    images, labels = np.asarray(images), np.asarray(labels)
    _check_arrays(images, labels)
    foreground_classes = as_list(foreground_classes)
    absent = sorted(set(foreground_classes) - set(labels.tolist()))
    if absent:
        raise ValueError(f"foreground_classes has {absent}, expected classes found in labels")
    names = _names(foreground_classes, class_names)
    return draw(
        images if images.dtype == np.uint8 else images.astype(np.float32),
        labels,
        foreground_classes=foreground_classes,
        num_segments=num_segments,
        num_examples=num_examples,
        seed=seed,
        class_names=names,
    )


def load(
    name,
    split="train",
    *,
    num_segments=5,
    num_examples=None,
    protocol="disjoint",
    foreground_classes=None,
    data_dir=None,
    download=True,
    seed=0,
):
    """Draws mosaics from base images known by name.

    Args:
        name: "digits", "cifar10", "cifar100", "mnist" or "fashion_mnist".
        split: "train", "test" or TFDS slices of them; another split string draws other mosaics.
        num_segments: Images a mosaic, m.
        num_examples: Mosaics to draw, n; None is the paper's 30,000 (test: 10,000), and on the
            digits 10,000 (test: 2,000).
        protocol: "disjoint" draws from the images of the split itself; "paper" always from those
            of the train split, as the scripts of the paper do: its test mosaics show images that
            were trained on.
        foreground_classes: Names or ids; None is the paper's choice, on digits and MNIST 0, 1, 2.
        data_dir: Where `tensorflow_datasets` keeps its data; None is its own default.
        download: Whether to fetch base images that are not there.
        seed: A non-negative integer.

    Returns:
        `DatasetInfo`, its source the mosaics.
    """
    with needed_for(f"data set sdc/{name}"):
        base = base_images(name, data_dir, download)
    if foreground_classes is None:
        foreground_classes = FOREGROUND_CLASSES[name]
    if num_examples is None:
        train, test = (10_000, 2_000) if name == "digits" else (30_000, 10_000)
        num_examples = test if is_test(split, base.sizes) else train
    return from_base(
        f"sdc/{name}",
        base,
        split,
        foreground_classes=class_ids(foreground_classes, base.class_names),
        num_segments=num_segments,
        num_examples=num_examples,
        protocol=protocol,
        seed=seed,
    )


def from_base(name, base, split, *, foreground_classes, num_segments, num_examples, protocol, seed):
    """Draws mosaics from a split of `BaseImages`; returns `DatasetInfo`."""
    check_counts(num_segments, num_examples)
    with needed_for(f"data set {name}"):
        images, labels = select(base, split, protocol)
    names = tuple(base.class_names[i] for i in foreground_classes)
    mosaics = draw(
        images,
        labels,
        foreground_classes=foreground_classes,
        num_segments=num_segments,
        num_examples=num_examples,
        seed=[seed, zlib.crc32(str(split).encode())],
        origin=f"split {str(split)!r}",
        class_names=names,
    )
    return DatasetInfo(
        name=name,
        split=str(split),
        class_names=names,
        protocol=protocol,
        source=mosaics,
        citation=base.citation,
        parts=() if protocol == "paper" else parts_of(split, base.sizes),
    )


def _names(classes, names):
    """Names of foreground classes: those given, or else their ids, as text."""
    names = as_class_names(names, len(classes), "foreground class")
    return tuple(str(int(one)) for one in classes) if names is None else names


def _check_arrays(images, labels):
    if images.ndim < 2 or not (
        images.dtype == np.uint8 or np.issubdtype(images.dtype, np.floating)
    ):
        raise ValueError(
            f"images has shape {images.shape} and dtype {images.dtype}, "
            f"expected (N, ...) of uint8 or floating"
        )
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"labels has shape {labels.shape} and dtype {labels.dtype}, expected (N,) of integers"
        )
    if len(images) != len(labels):
        raise ValueError(f"images has {len(images)} rows, labels has {len(labels)}")
