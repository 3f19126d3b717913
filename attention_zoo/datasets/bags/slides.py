"""Slides: a folder of HDF5 files, one a slide, and a CSV that labels them.

    folder/labels.csv       slide,label           and maybe: split, case, width, height
    folder/one.h5           features (m, d), and maybe coords (m, 2)

as CLAM and TRIDENT leave them; features (1, m, d) are taken too. A picture of the whole slide
beside the file, one.png or one.jpg, is laid under its heat map where the slide's size is known: of
the attributes of coords, or of labels.csv. Files are read when a batch needs them.
"""

import collections
import contextlib
import csv
from pathlib import Path

import h5py
import numpy as np
from absl import logging

from attention_zoo._errors import first_line
from attention_zoo._paths import expanded
from attention_zoo.datasets.bags.bags import BagInfo, Bags
from attention_zoo.datasets.bags.cells import stripped
from attention_zoo.datasets.bags.instances import Instances
from attention_zoo.datasets.bags.label_names import class_ids
from attention_zoo.datasets.bags.slide_sizes import extent_of_cells, patch_side, slide_extent
from attention_zoo.datasets.fingerprint import ends, fingerprint
from attention_zoo.datasets.splits import parts_of

SPLITS = {"train": "train", "validation": "validation", "val": "validation", "test": "test"}
_ENDINGS = (".h5", ".hdf5")


class SlideInstances(Instances):
    """Patches of slides, a file each.

    Args:
        paths: Of the HDF5 files.
        lengths: Patches of every slide, (n,); None looks into the files.
        width: Features of a patch, d.
        extents: (width, height) of every slide whose file does not say it, or None.

    Raises:
        ValueError: A file without features, one that cannot be read, or features of another width.
    """

    dtype = np.dtype("float32")

    def __init__(self, paths, lengths=None, width=None, extents=None):
        self._paths = list(paths)
        self._extents = [None] * len(self._paths) if extents is None else list(extents)
        if lengths is None:
            shapes = [_shape(path) for path in self._paths]
            lengths, width = [m for m, _ in shapes], shapes[0][1]
            for path, (_, d) in zip(self._paths, shapes, strict=True):
                if d != width:
                    raise ValueError(
                        f"{path} has features of width {d}, expected {width}, as {self._paths[0]}"
                    )
        self.lengths, self.shape = np.asarray(lengths, np.int64), (int(width),)

    def read(self, number):
        with _opened(self._paths[number]) as file:
            data = file["features"]
            found = np.empty((self.lengths[number], *self.shape), np.float32)
            data.read_direct(found, 0 if data.ndim == 3 else None)  # converts, without a copy
            return found

    def coords(self, number):
        with _opened(self._paths[number]) as file:
            if "coords" not in file:
                return None
            return np.asarray(file["coords"], np.float32).reshape(-1, 2)  # of (1, m, 2), too

    def thumbnail(self, number):
        """A picture beside the file, of the whole slide; none where it cannot be read."""
        from matplotlib import image  # slow to import

        for ending in (".png", ".jpg", ".jpeg"):
            path = self._paths[number].with_suffix(ending)
            if not path.is_file():
                continue
            try:
                return image.imread(path)
            except Exception as error:  # whatever is wrong with it: Pillow has errors of its own
                logging.warning("%s cannot be read: %s", path, first_line(error))
        return None

    def patch_size(self, number):
        return patch_side(self._attributes(number))

    def extent(self, number):
        return slide_extent(self._attributes(number)) or self._extents[number]

    def _attributes(self, number):
        with _opened(self._paths[number]) as file:
            return dict(file["coords"].attrs) if "coords" in file else {}

    def rows(self, rows):
        paths, extents = ([some[row] for row in rows] for some in (self._paths, self._extents))
        lengths = self.lengths[np.asarray(rows, int)]
        return SlideInstances(paths, lengths, self.shape[0], extents)

    def fingerprint(self):
        """Of sizes and ends of every file and its first, middle and last patch: all takes hours.

        The ends of a file that grew patch by patch, as CLAM's do, have nothing of the features.
        """
        sizes = [path.stat().st_size for path in self._paths]
        parts = list(map(ends, self._paths, [0] * len(sizes), sizes))
        samples = list(map(_some_patches, self._paths, self.lengths.tolist()))
        return fingerprint(self.lengths, self.shape, sizes, parts, samples)


def load(split="all", *, data_dir=None, seed=0):
    """Opens the slides of a folder.

    Args:
        split: "train", "validation" (labels.csv may say "val"), "test", "all", or TFDS slices of
            these, in the order of labels.csv; without a column `split` all are "train".
        data_dir: The folder.
        seed: Changes nothing; every data set takes one.

    Returns:
        `BagInfo`.

    Raises:
        ValueError: A slide without label or features, one listed twice, a case in two splits, a
            table that is none.
        FileNotFoundError: There is no folder with a labels.csv, or no file of a slide.
    """
    return load_parts(data_dir)(split)


def splits_of(data_dir):
    """The names in the column `split`; none where there is no such column, or one name alone."""
    there = {row.split for row in _table(_folder(data_dir) / "labels.csv")}
    return [name for name in ("train", "validation", "test") if name in there and len(there) > 1]


def load_parts(data_dir):
    """A function of a split's name: files are looked into once for all splits."""
    folder = _folder(data_dir)
    table = _table(folder / "labels.csv")
    names, ids = class_ids([row.label for row in table])
    paths, extents = [_file(folder, row.slide) for row in table], [row.extent for row in table]
    _check_files(table, paths)
    instances = SlideInstances(paths, extents=extents)
    for row, m in zip(table, instances.lengths, strict=True):
        if not m:
            raise ValueError(f"slide {row.slide} has 0 patches, expected 1 or more")
    source = Bags(
        instances,
        ids,
        tuple(row.slide for row in table),
        tuple(row.case for row in table),
        (None,) * len(table),
        names,
    )

    def part(split):
        return BagInfo(
            name="bags/slides",
            split=split,
            source=source.rows(_rows(table, split)),
            class_names=names,
            citation=f"the files in {folder.name}",
        )

    return part


def _rows(table, split):
    """Numbers of the slides of a split, in the order of the table."""
    places: dict[str, list[int]] = {}
    for number, row in enumerate(table):
        places.setdefault(row.split, []).append(number)
    sizes = {name: len(rows) for name, rows in places.items()}
    parts = parts_of(split, sizes, "slides")
    return [row for name, _, some in parts for row in places[name][some.start : some.stop]]


_CELLS = ("slide", "label", "split", "case", "width", "height")
_Row = collections.namedtuple("_Row", "slide label split case extent")


def _table(path):
    """The rows of labels.csv."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        columns = [name.strip().lower() for name in reader.fieldnames or []]
        if not {"slide", "label"} <= set(columns):
            raise ValueError(
                f"{path} has the columns {columns}, expected slide, label, and maybe split, case, "
                "width, height"
            )
        for name in filter(None, columns):
            if columns.count(name) > 1:
                raise ValueError(f"{path} has the column {name} twice, expected it once")
        reader.fieldnames = columns
        whole = {} if "split" in columns else {"split": "train"}
        rows = [_row(row | whole, f"{path}, line {reader.line_num}") for row in reader]
    if not rows:
        raise ValueError(f"{path} has 0 slides, expected 1 or more")
    _check_once(rows, path)
    _check_cases(rows, path)
    return rows


def _row(row, place):
    if more := row.get(None):
        raise ValueError(f"{place} has {more} beyond the last column, expected a cell a column")
    cells = {name: stripped(row.get(name)) for name in _CELLS}
    for name in ("slide", "label", "split"):
        if not cells[name]:
            raise ValueError(f"{place} has no {name}, expected one")
    known = SPLITS.get(cells["split"].lower())
    if known is None:
        raise ValueError(
            f"{place} has the split {cells['split']!r}, expected train, validation or test"
        )
    extent = extent_of_cells(cells, place) if {"width", "height"} <= row.keys() else None
    return _Row(cells["slide"], cells["label"], known, cells["case"] or cells["slide"], extent)


def _check_once(rows, path):
    labels: dict[str, str] = {}
    for row in rows:
        if row.slide in labels:
            before = labels[row.slide]
            what = f"the labels {before!r} and {row.label!r}" if before != row.label else "two rows"
            raise ValueError(f"{path} has {what} for slide {row.slide}, expected one")
        labels[row.slide] = row.label


def _check_files(rows, paths):
    """Two names may be of one file, with and without its ending, or by a link."""
    names: dict[Path, str] = {}
    for row, path in zip(rows, paths, strict=True):
        before = names.setdefault(path.resolve(), row.slide)
        if before != row.slide:
            raise ValueError(
                f"the slides {before} and {row.slide} are one file, {path.resolve()}, expected a "
                "file a slide"
            )


def _check_cases(rows, path):
    places: dict[str, str] = {}
    for row in rows:
        if places.setdefault(row.case, row.split) != row.split:
            raise ValueError(
                f"{path} has case {row.case} in the splits {places[row.case]!r} and {row.split!r}, "
                "expected one"
            )


def _folder(data_dir):
    folder = Path("." if data_dir is None else expanded(data_dir))
    if not (folder / "labels.csv").is_file():
        raise FileNotFoundError(
            f"data_dir is {data_dir!r}, expected a folder with labels.csv (slide,label) and an "
            "HDF5 file a slide"
        )
    return folder


def _file(folder, slide):
    """The file of a slide, named with or without an ending."""
    names = [slide] if slide.endswith(_ENDINGS) else [slide + ending for ending in _ENDINGS]
    for name in names:
        for path in (folder / name, folder / "h5_files" / name, folder / "features" / name):
            if path.is_file():
                return path
    raise FileNotFoundError(f"slide {slide} has no file, expected {folder / names[0]}")


@contextlib.contextmanager
def _opened(path):
    try:
        with h5py.File(path, "r") as file:
            yield file
    except OSError as error:
        raise ValueError(
            f"{path} cannot be read as HDF5 ({first_line(error)}), expected a file with "
            "features (m, d)"
        ) from error


def _some_patches(path, m):
    """Bytes of the first, the middle and the last patch of a slide."""
    with _opened(path) as file:
        features = file["features"]
        places = [(0, i) if features.ndim == 3 else i for i in sorted({0, m // 2, m - 1})]
        return b"".join(np.asarray(features[place]).tobytes() for place in places)


def _shape(path):
    """(m, d) of the features of a slide; its coords are as many, where it has some."""
    with _opened(path) as file:
        if "features" not in file:
            raise ValueError(f"{path} has {sorted(file)}, expected features (m, d)")
        data = file["features"]
        shape = data.shape[1:] if data.ndim == 3 and data.shape[0] == 1 else data.shape
        if len(shape) != 2 or data.dtype.kind not in "fiu":
            raise ValueError(
                f"{path} has features of shape {data.shape} and dtype {data.dtype}, expected "
                "numbers (m, d)"
            )
        if "coords" in file and file["coords"].shape not in ((shape[0], 2), (1, shape[0], 2)):
            raise ValueError(
                f"{path} has coords of shape {file['coords'].shape}, expected ({shape[0]}, 2), a "
                "row a patch"
            )
    return int(shape[0]), int(shape[1])
