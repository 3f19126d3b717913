"""Reads captions in the layout of COCO: `train2014/`, `val2014/` and `annotations/`."""

import collections
import dataclasses
import functools
import os
import stat
from pathlib import Path

from attention_zoo._json import loads

SPLITS = {"train": "train2014", "validation": "val2014"}
WITHOUT_TEXT = "caption without text"
_EXPECTED = 'expected {"images": [{"id", "file_name"}], "annotations": [{"image_id", "caption"}]}'


@dataclasses.dataclass(frozen=True)
class Listing:
    """The pictures of a split that are there and have captions.

    Attributes:
        ids: Of the pictures, as their file has them.
        places: Where the bytes of each picture are: (path, first byte, number of bytes). A file
            of its own begins at None.
        captions: Of each picture, one or more texts.
        left_out: Ids of what was left out, by reason.
        turns: Orientation of each picture, 1 to 8, where it was read along; else none.
    """

    ids: list[int]
    places: list[tuple[str, int | None, int]]
    captions: list[list[str]]
    left_out: dict[str, list]
    turns: list[int] = dataclasses.field(default_factory=list)


def has_text(caption):
    """Whether a caption is a text with a letter or a digit."""
    return isinstance(caption, str) and any(map(str.isalnum, caption))


def splits_in(folder):
    """The splits whose annotations and pictures are in a folder; none if there is no such folder.

    The official annotations are of both splits, whichever pictures there are.
    """
    return [
        split
        for split, name in SPLITS.items()
        if _annotations(folder, name).is_file() and (folder / name).is_dir()
    ]


def read(folder, split):
    """The `Listing` of "train" or "validation".

    Left out, each with its id: pictures that are not there or have no captions, and captions of
    pictures that are not listed, or without a text.

    Raises:
        ValueError: The annotations are not what they should be, or name a file outside of the
        split's folder; says where.
    """
    path = _annotations(folder, SPLITS[split])
    content = _read_json(path)
    left_out: dict[str, list] = collections.defaultdict(list)
    captions: dict = {picture: [] for picture, _ in _entries(path, content)}
    for picture, text, own in _captions(path, content):
        if picture not in captions:
            left_out["caption of an unknown picture"].append(own)
        elif not has_text(text):
            left_out[WITHOUT_TEXT].append(own)
        else:
            captions[picture].append(text.encode("utf-8", "ignore").decode())
    found = Listing([], [], [], left_out)
    seen = set()
    for picture, place in _places(path, Path(folder, SPLITS[split]), content):
        size = _size(place)
        if picture in seen:
            left_out["picture listed twice"].append(picture)
        elif size is None:
            left_out["picture that is not there"].append(picture)
        elif not captions[picture]:
            left_out["picture without captions"].append(picture)
        else:
            found.ids.append(picture)
            found.places.append((str(place), None, size))
            found.captions.append(captions[picture])
        seen.add(picture)
    if not found.ids:
        raise ValueError(
            f"{path} has no captions of pictures in {Path(folder, SPLITS[split])} "
            f"({_counts(left_out)}), expected one or more"
        )
    return found


def _annotations(folder, name):
    return Path(folder, "annotations", f"captions_{name}.json")


def _read_json(path):
    try:
        content = loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path} is no JSON in UTF-8, {_EXPECTED}") from error
    for name in ("images", "annotations"):
        if not isinstance(content, dict) or not isinstance(content.get(name), list):
            raise ValueError(f"{path} has no list of {name}, {_EXPECTED}")
        if not content[name]:
            raise ValueError(f"{path} has 0 {name}, expected one or more")
    return content


def _entries(path, content):
    """Pairs (id, file name) of the images."""
    for number, entry in enumerate(content["images"], start=1):
        at = f"{path}, images, entry {number}"
        try:
            own, name = entry["id"], entry["file_name"]
        except (KeyError, TypeError) as error:
            raise ValueError(f"{at} lacks an id or file_name, {_EXPECTED}") from error
        if not isinstance(name, str):
            raise ValueError(f"{at} has the file_name {name!r}, expected a string")
        yield _number(at, "id", own), name


def _places(path, folder, content):
    """Pairs (id, path) of the images, none of whose files leaves the folder."""
    root = os.path.realpath(folder)
    parent_is_inside = functools.cache(lambda parent: _is_inside(root, parent))
    for number, (picture, name) in enumerate(_entries(path, content), start=1):
        place = folder / name
        leaves = Path(name).is_absolute() or ".." in Path(name).parts
        if leaves or not parent_is_inside(place.parent) or not _link_is_inside(root, place):
            raise ValueError(
                f"{path}, images, entry {number} has the file_name {name!r}, expected one in "
                f"{folder}"
            )
        yield picture, place


def _link_is_inside(root, place):
    try:
        return not place.is_symlink() or _is_inside(root, place)
    except ValueError:  # a name with a null character: there is no such file
        return True


def _is_inside(root, path):
    """Whether a path, all links followed, is in a folder, a real path."""
    try:
        return Path(os.path.realpath(path)).is_relative_to(root)
    except ValueError:
        return True


def _number(at, name, value):
    """An id as an int: a whole number, or text of one."""
    is_text = isinstance(value, str) and value.strip().lstrip("-").isdecimal()
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and value % 1 == 0
    if not is_text and not is_number:
        raise ValueError(f"{at} has the {name} {value!r}, expected a whole number")
    return int(value)


def _captions(path, content):
    """Triples (id of the picture, text, id of the caption), the text as it comes."""
    for number, entry in enumerate(content["annotations"]):
        at = f"{path}, annotations, entry {number + 1}"
        try:
            picture, text, own = entry["image_id"], entry["caption"], entry.get("id", number)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"{at} lacks image_id or caption, {_EXPECTED}") from error
        yield _number(at, "image_id", picture), text, own


def _size(path):
    """Bytes of a file; None where there is none."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):  # ValueError: a name with a null character
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _counts(left_out):
    return ", ".join(f"{len(ids)} × {reason}" for reason, ids in left_out.items()) or "none listed"
