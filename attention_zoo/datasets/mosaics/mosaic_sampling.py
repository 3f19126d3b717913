"""The mosaic law: which base images make up which mosaic."""

import numpy as np

from attention_zoo._checks import as_count
from attention_zoo.datasets.mosaics.mosaics import Mosaics


def draw(
    images,
    labels,
    *,
    foreground_classes,
    num_segments,
    num_examples,
    seed,
    origin="images",
    class_names=None,
):
    """Draws mosaics: one foreground image each, m - 1 background images, with replacement.

    The position of the foreground image is uniform, and so is each image among its kind.

    Args:
        images: A tensor, (N, ...).
        labels: Class ids of the images, (N,), integer.
        foreground_classes: Distinct ids, in the order of the mosaics' labels.
        num_segments: Images a mosaic, m.
        num_examples: Mosaics to draw, n.
        seed: As `numpy.random.default_rng` takes it.
        origin: What the images are, for errors.
        class_names: Of the foreground classes, in their order; None where they are not known.

    Returns:
        `Mosaics`.
    """
    classes = np.asarray(foreground_classes)
    foreground, background = _rows_by_kind(labels, classes, origin)
    rng = np.random.default_rng(seed)
    table = rng.choice(background, (num_examples, num_segments))
    focus = rng.integers(num_segments, size=num_examples, dtype=np.int32)
    table[np.arange(num_examples), focus] = chosen = rng.choice(foreground, num_examples)
    order = np.argsort(classes)
    label = order[np.searchsorted(classes, labels[chosen], sorter=order)]
    return Mosaics(images, table, label.astype(np.int32), focus, class_names=class_names)


def check_counts(num_segments, num_examples):
    """Raises ValueError for mosaics that cannot be drawn."""
    as_count("num_segments", num_segments, least=2)
    as_count("num_examples", num_examples, least=1)


def _rows_by_kind(labels, classes, origin):
    """Rows of the foreground images and rows of the background images, int32."""
    if not classes.size or len(np.unique(classes)) < classes.size:
        raise ValueError(
            f"foreground_classes is {classes.tolist()}, expected one or more distinct classes"
        )
    foreground = np.isin(labels, classes)
    if foreground.all() or not foreground.any():
        raise ValueError(
            f"{origin} has {foreground.sum()} foreground images among {len(labels)}, "
            f"expected some of both kinds with foreground_classes {classes.tolist()}"
        )
    rows = np.arange(len(labels), dtype=np.int32)
    return rows[foreground], rows[~foreground]
