"""What jobs need on disk, and where it is looked for."""

import dataclasses
from pathlib import Path

from attention_zoo.datasets.captions import coco_files
from attention_zoo.datasets.mosaics.base_images import base_images
from attention_zoo.datasets.text import hatexplain_files


@dataclasses.dataclass(frozen=True)
class Places:
    """Where data lies; None where it was not said.

    Attributes:
        data_dir: folder of tensorflow_datasets; its own default if None.
        hatexplain_dir: folder of HateXplain's official files.
        coco_dir: folder in the layout of COCO 2014.
    """

    data_dir: str | None = None
    hatexplain_dir: str | None = None
    coco_dir: str | None = None

    def missing(self, need):
        """What is missing of `Job.needs`, in a line; None if it is there."""
        return _MISSING[need](self) if need else None

    def of(self, need):
        """The trainer's `data_dir` for `Job.needs`, as settings."""
        if need is None:
            return {}
        own = {"hatexplain": self.hatexplain_dir, "coco": self.coco_dir}
        return {"data_dir": own.get(need, self.data_dir)}


def _images(name):
    def missing(places):
        try:
            base_images(name, places.data_dir, download=False)
        except FileNotFoundError as error:
            return str(error).split(" and was not downloaded")[0]
        return None

    return missing


def _hatexplain(places):
    names = hatexplain_files.FILES.values()
    return _files("HateXplain", "hatexplain_dir", places.hatexplain_dir, names)


def _coco(places):
    names = [f"annotations/captions_{name}.json" for name in coco_files.SPLITS.values()]
    return _files("COCO 2014", "coco_dir", places.coco_dir, [*coco_files.SPLITS.values(), *names])


def _files(what, setting, folder, names):
    if folder is None:
        return f"{what}: {setting} is unset"
    absent = [name for name in names if not Path(folder, name).exists()]
    return f"{what}: {folder} has no {absent[0]}" if absent else None


_MISSING = {
    "cifar10": _images("cifar10"),
    "cifar100": _images("cifar100"),
    "hatexplain": _hatexplain,
    "coco": _coco,
}
