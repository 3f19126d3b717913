"""Data sets by name."""

import collections.abc
import functools
import inspect

from attention_zoo.datasets.bags import csv_file, digits, slides
from attention_zoo.datasets.bags.folds import with_folds
from attention_zoo.datasets.captions import coco_captions
from attention_zoo.datasets.mosaics import orthogonal, sdc
from attention_zoo.datasets.text import hatexplain, json_lines

# A loader takes a split, a seed and options of its own; it returns what is known of it.
_LOADERS: dict[str, collections.abc.Callable] = {
    "sdc/digits": functools.partial(sdc.load, "digits"),
    "sdc/cifar10": functools.partial(sdc.load, "cifar10"),
    "sdc/cifar100": functools.partial(sdc.load, "cifar100"),
    "sdc/mnist": functools.partial(sdc.load, "mnist"),
    "sdc/fashion_mnist": functools.partial(sdc.load, "fashion_mnist"),
    "orthogonal": orthogonal.load,
    "hatexplain": hatexplain.load,
    "coco_captions": coco_captions.load,
    "json_lines": json_lines.load,
    "bags/digits": digits.load,
    "bags/csv": with_folds(csv_file.load),
    "bags/slides": with_folds(slides.load),
}


def load(
    name, split="train", *, batch_size=None, shuffle=False, drop_remainder=False, seed=0, **options
):
    """Loads a data set by name.

    Args:
        name: "sdc/digits" (needs no download), "sdc/cifar10", "sdc/cifar100", "sdc/mnist",
            "sdc/fashion_mnist", "orthogonal", "hatexplain", "coco_captions": pictures with
            captions, also one's own, "json_lines": posts of one's own, "bags/digits" (needs no
            download), "bags/csv" or "bags/slides": bags of one's own.
        split: "train", "test" (texts: "validation", too) or TFDS slices of them, such as
            "train[:90%]".
        batch_size: Examples a batch, b; None leaves out the batch axis.
        shuffle: Whether each pass has an order of its own, all following from the seed.
        drop_remainder: Whether a last batch smaller than `batch_size` is left out.
        seed: Decides the mosaics, together with `split`, and the order.
        **options: Options of the data set, see `sdc.load`, `orthogonal.load`, `hatexplain.load`,
            `coco_captions.load`, `json_lines.load` and those of `datasets.bags`; of bags that are
            there already also folds, fold and repeat: `datasets.bags.folds.with_folds`.

    Returns:
        A `tf.data.Dataset` of `(segments, {"label", "focus"})`, segments (b, m, h, w, c) or
        (b, m, d) float32, label and focus (b,) int32; and a `DatasetInfo`. Of texts: tokens (b, m),
        strings padded with "", and a focus that is the rationale, 0/1 (b, m); and a `TextInfo`.
        Of captions: see `Captions.dataset`; and a `CaptionInfo`. Of bags: see `Bags`; and a
        `BagInfo`.
    """
    if name not in _LOADERS:
        raise ValueError(f"data set {name!r} is unknown, expected one of {', '.join(_LOADERS)}")
    loader = _LOADERS[name]
    _check_options(name, loader, options)
    info = loader(split, seed=seed, **options)
    return info.source.dataset(batch_size, shuffle, seed, drop_remainder), info


def _check_options(name, loader, options):
    parameters = inspect.signature(loader).parameters.values()
    known = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.name != "seed"]
    unknown = [option for option in options if option not in known]
    if unknown:
        raise ValueError(f"{name} has no option {unknown[0]!r}, expected one of {', '.join(known)}")
