"""Bags of digits: positive where the key digit occurs, with known key instances.

In the manner of MNIST-bags (Ilse, Tomczak and Welling, arXiv:1802.04712): the size of a bag is
drawn from a normal distribution, a bag is positive if a 9 is in it, and half of the bags are. A
positive bag has one 9 at a random place; each of its other images is any digit, so that there may
be more of them.
"""

import zlib

import numpy as np

from attention_zoo.datasets.bags.bags import BagInfo, Bags
from attention_zoo.datasets.bags.instances import ArrayInstances
from attention_zoo.datasets.mosaics.base_images import base_images
from attention_zoo.datasets.splits import select

CLASSES = ("negative", "positive")


def load(
    split="train", *, num_examples=200, mean_size=10.0, size_deviation=2.0, key_class=9, seed=0
):
    """Draws bags from the digits that scikit-learn brings along, (8, 8, 1), uint8.

    Args:
        split: "train", "test" or TFDS slices of them; another split string draws other bags.
        num_examples: Bags to draw, n.
        mean_size: Mean number of images of a bag.
        size_deviation: Its standard deviation.
        key_class: The digit that makes a bag positive.
        seed: A non-negative integer.

    Returns:
        `BagInfo`.
    """
    base = base_images("digits")
    images, digits = select(base, split)
    images = np.asarray(images)
    if num_examples < 1:
        raise ValueError(f"num_examples is {num_examples}, expected 1 or more")
    if mean_size < 1 or size_deviation < 0:
        raise ValueError(
            f"mean_size is {mean_size} and size_deviation {size_deviation}, expected 1 or more and "
            "0 or more"
        )
    keys = np.flatnonzero(digits == key_class)
    if not len(keys):
        raise ValueError(f"key_class is {key_class!r}, expected a digit of the split, 0 to 9")
    rng = np.random.default_rng([seed, zlib.crc32(f"bags {split}".encode())])
    others = np.flatnonzero(digits != key_class)
    labels = np.arange(num_examples, dtype=np.int32) % 2
    rng.shuffle(labels)
    sizes = np.rint(rng.normal(mean_size, size_deviation, num_examples)).astype(int)
    sizes = np.maximum(sizes, 1)
    chosen = [_bag(rng, m, y, keys, others) for m, y in zip(sizes, labels, strict=True)]
    names = tuple(map(str, range(num_examples)))
    marks = tuple(digits[one] == key_class for one in chosen)
    instances = ArrayInstances(images[np.concatenate(chosen)], sizes)
    source = Bags(instances, labels, names, names, marks, CLASSES)
    return BagInfo(
        name="bags/digits",
        split=split,
        source=source,
        class_names=CLASSES,
        citation=base.citation,
    )


def _bag(rng, m, label, keys, others):
    """Numbers of the images of a bag, (m,)."""
    if not label:
        return rng.choice(others, m)
    chosen = rng.choice(np.concatenate([keys, others]), m)
    chosen[rng.integers(m)] = rng.choice(keys)
    return chosen
