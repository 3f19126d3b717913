"""Selects the examples of a split, written in the slicing language of TFDS."""

import itertools
import types

import numpy as np

PROTOCOLS = ("disjoint", "paper")


def select(base, split, protocol="disjoint"):
    """Returns the images and labels that a split names.

    Args:
        base: `BaseImages`.
        split: "train", "test", or slices and sums of them, such as "train[:90%]+test[:10]".
        protocol: "disjoint" reads the split's own images. "paper" reads those of the train split
            whatever split is named, as the scripts of arXiv:2307.13421 do: its test mosaics are
            made of images that were trained on.

    Returns:
        images, a tensor (N, ...), and labels, (N,) int32.
    """
    if protocol not in PROTOCOLS:
        raise ValueError(f"protocol is {protocol!r}, expected 'disjoint' or 'paper'")
    origin = {name: "train" if protocol == "paper" else name for name in base.sizes}
    parts = parts_of(split, {name: base.sizes[origin[name]] for name in base.sizes})
    read = [(*base.read(origin[name]), slice(rows.start, rows.stop)) for name, _, rows in parts]
    if len(read) == 1:
        ((images, labels, rows),) = read
        return images[rows], labels[rows]
    images = np.concatenate([images[rows] for images, _, rows in read])
    return images, np.concatenate([labels[rows] for _, labels, rows in read])


def is_test(split, sizes):
    """Whether a split is made of the test split alone."""
    return all(name == "test" for name, _, _ in _spans(split, sizes))


def parts_of(split, sizes, kind="images"):
    """What a split is made of: (name among `sizes`, its size, range of rows in it) each.

    Args:
        split: A name among `sizes`, or slices and sums of them, such as "train[:90%]".
        sizes: Number of examples by name.
        kind: What the examples are, for errors.

    Raises:
        ValueError: No such split, or an empty one.
    """
    spans = _spans(split, sizes, kind)
    if all(start >= stop for _, start, stop in spans):
        raise ValueError(f"split {split!r} is empty, expected one with {kind} in it")
    return tuple((name, sizes[name], range(start, stop)) for name, start, stop in spans)


def shared_rows(parts, others):
    """The rows that two splits have in common, as slices: "train[1293:1437]"; "" for none.

    Args:
        parts, others: as of `parts_of`. Splits of two sizes are two, whatever they are called.
    """
    found = []
    for (*of, rows), (*also_of, also) in itertools.product(parts, others):
        start, stop = max(rows.start, also.start), min(rows.stop, also.stop)
        if of == also_of and start < stop:
            found.append(f"{of[0]}[{start}:{stop}]")
    return "+".join(dict.fromkeys(found))


def _spans(split, sizes, kind="images"):
    """Parses a split into (name, start, stop) triples."""
    import tensorflow_datasets as tfds  # slow to import

    infos = {n: types.SimpleNamespace(num_examples=s, shard_lengths=[s]) for n, s in sizes.items()}
    try:
        parsed = tfds.core.ReadInstruction.from_spec(split).to_absolute(infos)
    except (ValueError, NotImplementedError) as error:
        raise ValueError(
            f"split is {split!r}, expected {' or '.join(sizes)}, or slices within their "
            f"{' and '.join(map(str, sizes.values()))} {kind} such as 'train[:90%]'"
        ) from error
    return [
        (p.splitname, p.from_ or 0, sizes[p.splitname] if p.to is None else p.to) for p in parsed
    ]
