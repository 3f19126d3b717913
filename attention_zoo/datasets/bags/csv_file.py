"""Bags in a CSV file, as the field passes them around: a row an instance.

    label,bag,feature,feature,…

musk1, musk2, elephant, fox and tiger come like this. There may be a first line of names.
"""

import csv
import itertools
from pathlib import Path

import numpy as np

from attention_zoo._paths import expanded
from attention_zoo.datasets.bags.bags import BagInfo, Bags
from attention_zoo.datasets.bags.cells import stripped
from attention_zoo.datasets.bags.instances import ArrayInstances
from attention_zoo.datasets.bags.label_names import class_ids
from attention_zoo.datasets.splits import parts_of


def load(split="all", *, data_dir=None, seed=0):
    """Reads the bags of a file.

    Args:
        split: "train" or "all", which is the same, or TFDS slices, such as "train[:50%]", in the
            order of the file.
        data_dir: Path of the file.
        seed: Changes nothing; every data set takes one.

    Returns:
        `BagInfo`; its classes are the labels in the file, in numeric or else alphabetic order.

    Raises:
        ValueError: A row that is none, with its line. FileNotFoundError: There is no such file.
    """
    path = Path("." if data_dir is None else expanded(data_dir))
    if not path.is_file():
        raise FileNotFoundError(f"data_dir is {data_dir!r}, expected a CSV file of bags")
    labels, numbers, rows = _read(path)
    lengths = np.array(list(map(len, rows.values())))
    order = np.concatenate(list(rows.values()))
    names, ids = class_ids([labels[bag] for bag in rows])
    bags = tuple(rows)
    unknown = (None,) * len(bags)
    instances = ArrayInstances(numbers[order], lengths)
    source = Bags(instances, ids, bags, bags, unknown, names)
    parts = parts_of(split, {"train": len(bags)}, "bags")
    return BagInfo(
        name="bags/csv",
        split=split,
        source=source.rows(np.concatenate([np.array(some, int) for _, _, some in parts])),
        class_names=names,
        citation=f"the file {path.name}",
    )


def _read(path):
    """({bag: label}, features (N, d), {bag: numbers of its rows})."""
    labels: dict[str, str] = {}
    rows: dict[str, list[int]] = {}
    features: list[np.ndarray] = []
    with path.open(newline="", encoding="utf-8-sig") as file:
        for line, row in enumerate(csv.reader(file), start=1):
            if not row or (line == 1 and (_are_names(row) or _are_counted(row, path))):
                continue
            label, bag, values = _row(row, f"{path}, line {line}")
            if features and len(values) != len(features[0]):
                raise ValueError(
                    f"{path}, line {line} has {len(values)} features, expected {len(features[0])}, "
                    "as the lines before"
                )
            if labels.setdefault(bag, label) != label:
                raise ValueError(
                    f"{path}, line {line} has the label {label!r}, expected {labels[bag]!r}, that "
                    f"of bag {bag} before"
                )
            rows.setdefault(bag, []).append(len(features))
            features.append(values)
    if not features:
        raise ValueError(f"{path} has 0 instances, expected a row an instance: label,bag,features")
    return labels, np.stack(features), rows


def _row(row, place):
    """(label, bag, features) of a line."""
    if len(row) < 3:
        raise ValueError(f"{place} has {len(row)} cells, expected label,bag,features")
    label, bag = map(stripped, row[:2])
    for name, cell in (("label", label), ("bag", bag)):
        if not cell:
            raise ValueError(f"{place} has no {name}, expected label,bag,features")
    try:
        with np.errstate(over="ignore"):
            values = np.array(row[2:], float).astype(np.float32)
    except ValueError:
        raise ValueError(f"{place} has a feature that is no number, expected numbers") from None
    if not np.isfinite(values).all():
        raise ValueError(f"{place} has NaN or infinity, expected finite features")
    return label, bag, values


def _are_names(row):
    """Whether a first line names the columns.

    By "label" or "bag", by features that all are words, or by counting: five columns or more, as
    pandas names those of an array.
    """
    if len(row) < 3:
        return False
    is_named = row[0].strip().lower() == "label" or row[1].strip().lower() == "bag"
    return is_named or all(map(_is_word, row[2:])) or (len(row) >= 5 and _count(row))


def _are_counted(row, path):
    """Whether a first line names label and bag, and counts the features, as pandas does.

    Two or more, beside a label that is no number and that no other line has.
    """
    if len(row) < 4 or _is_number(row[0]) or not _count(row[2:]):
        return False
    with path.open(newline="", encoding="utf-8-sig") as file:
        others = itertools.islice(csv.reader(file), 1, None)
        return all(not other or other[0].strip() != row[0].strip() for other in others)


def _count(cells):
    """Whether cells are whole numbers one after another, from 0 or from 1."""
    counts = ([str(i) for i in range(first, first + len(cells))] for first in (0, 1))
    return [cell.strip() for cell in cells] in counts


def _is_word(cell):
    """Whether a cell has something that is no number."""
    return bool(stripped(cell)) and not _is_number(cell)


def _is_number(cell):
    try:
        float(cell)
    except ValueError:
        return False
    return True
