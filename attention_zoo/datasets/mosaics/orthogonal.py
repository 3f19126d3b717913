"""The orthogonal setting: classes at unit vectors, background about zero."""

import functools
import zlib

import numpy as np

from attention_zoo._checks import as_count
from attention_zoo.datasets.mosaics.base_images import BaseImages
from attention_zoo.datasets.mosaics.mosaic_sampling import check_counts
from attention_zoo.datasets.mosaics.sdc import from_base

FOREGROUND_VARIANCE = 1e-10
BACKGROUND_VARIANCE = 1e-2


def load(split="train", *, num_segments=20, num_classes=20, num_examples=None, seed=0):
    """Draws mosaics of vectors in R^(C+1), the setting of the paper's theory.

        foreground of class y:  e_y + noise,  variance 1e-10 in every dimension
        background:             zero but for the last dimension,  mean 0, variance 1e-2

    Mosaics are drawn, as those of images are, from a pool: as many foreground vectors as there
    are mosaics, and as many background vectors. Train and test have pools of their own.

    Args:
        split: "train", "test" or TFDS slices of them.
        num_segments: Vectors a mosaic, m.
        num_classes: C.
        num_examples: Mosaics to draw, n; None is the paper's 5,000.
        seed: A non-negative integer.

    Returns:
        `DatasetInfo`, its source the mosaics.

    Reference: arXiv:2307.13421.
    """
    num_examples = 5_000 if num_examples is None else num_examples
    check_counts(num_segments, num_examples)
    as_count("num_classes", num_classes, least=2)
    base = BaseImages(
        class_names=(*map(str, range(num_classes)), "background"),
        sizes={"train": 2 * num_examples, "test": 2 * num_examples},
        read=functools.partial(_pool, num_classes, num_examples, seed),
        citation="Vashisht and Ramaswamy, On the Learning Dynamics of Attention Networks, 2023",
    )
    return from_base(
        "orthogonal",
        base,
        split,
        foreground_classes=range(num_classes),
        num_segments=num_segments,
        num_examples=num_examples,
        protocol="disjoint",
        seed=seed,
    )


def _pool(num_classes, num_points, seed, split):
    """Vectors, (2 num_points, C+1), and labels; kinds and classes take turns for slices' sake."""
    rng = np.random.default_rng([seed, zlib.crc32(f"orthogonal {split}".encode())])
    y = np.arange(num_points, dtype=np.int32) % num_classes
    noise = rng.normal(0, FOREGROUND_VARIANCE**0.5, (num_points, num_classes + 1))
    points = np.zeros((2 * num_points, num_classes + 1), np.float32)
    points[::2] = np.eye(num_classes, num_classes + 1)[y] + noise
    points[1::2, -1] = rng.normal(0, BACKGROUND_VARIANCE**0.5, num_points)
    labels = np.full(2 * num_points, num_classes, np.int32)
    labels[::2] = y
    return points, labels
