"""What the files of a run look like, and what is wrong with one that does not.

A shape is a class, or a tuple of them; `[shape]`, a list of such; `{name: shape}`, a mapping, in
which `str` stands for any other name; or `Whole`, a mapping that lacks none of its names.
"""

import math

from attention_zoo._attention_warnings import WARNINGS
from attention_zoo._text import is_text

NUMBER = (int, float)
_LARGEST = 2**63  # what is counted or measured is below


class Whole(dict):
    """A shape: a mapping with all of the names `needed`, and maybe with those of `optional`."""

    def __init__(self, optional=None, **needed):
        super().__init__(needed | (optional or {}))
        self.needed = needed.keys()


def check(content, shape, place):
    """Raises ValueError where `content`, out of the file and part named by `place`, has no shape.

    Texts are such that UTF-8 can hold them, numbers such that a float can.
    """
    if isinstance(shape, dict):
        _check_mapping(content, shape, place)
    elif isinstance(shape, list):
        _check_kind(content, list, place)
        for number, one in enumerate(content):
            check(one, shape[0], f"{place}, entry {number + 1}")
    else:
        _check_kind(content, shape, place)


def _check_mapping(content, shape, place):
    _check_kind(content, dict, place)
    if isinstance(shape, Whole) and (lacking := sorted(shape.needed - content.keys())):
        raise ValueError(f"{place} lacks {lacking[0]!r}, expected that of a run")
    for name, value in content.items():
        _check_kind(name, str, place)
        part = shape.get(name, shape.get(str))
        if part is not None:
            check(value, part, f"{place}, {name}")


def _check_kind(value, kinds, place):
    kinds = kinds if isinstance(kinds, tuple) else (kinds,)
    if not isinstance(value, kinds) or isinstance(value, bool) and bool not in kinds:
        expected = " or ".join(_NAMES.get(kind, kind.__name__) for kind in kinds)
        raise ValueError(f"{place} is a {type(value).__name__}, expected a {expected}")
    if isinstance(value, int) and abs(value) > _LARGEST:
        raise ValueError(f"{place} is a number of {value.bit_length()} bits, expected 63 or fewer")
    if isinstance(value, str) and not is_text(value):
        raise ValueError(f"{place} has half of a surrogate pair, expected text that UTF-8 can hold")


_NAMES = {type(None): "null"}

_FIGURE = (*NUMBER, type(None))
_SCALAR = (str, bool, *NUMBER, type(None))
_SPLIT = {str: _FIGURE}
_OBJECT = (str, dict)  # by its name, or the config of what a user brought
_EXAMPLE = Whole(
    {"pictures": [str], "tokens": [str], "known": bool},
    number=int,
    label=str,
    prediction=str,
    likelihood=NUMBER,
    attention=[NUMBER],
    true=[int],
)

SHAPES = {
    "config.json": {"attention": _OBJECT, "optimizer": _OBJECT, "callbacks": list, str: _SCALAR},
    "about.json": {
        "defaults": {str: _SCALAR},
        "words": {"measures": {str: str}, str: str},
        str: str,
    },
    "results.json": {
        "test": _SPLIT,
        "validation": _SPLIT,
        "train": _SPLIT,
        "class_names": [str],
        "num_examples": {str: int},
        "num_known": {str: int},
        "floors": {str: _SPLIT},
        **dict.fromkeys(WARNINGS, _FIGURE),
        "switched_epoch": _FIGURE,
        "kept_epoch": _FIGURE,
        "pictures": {str: str},
        "deviation": {str: Whole(mu=NUMBER, nu=NUMBER)},
    },
    "histograms.json": {
        "way_to_predict": str,
        "splits": {str: {str: [[NUMBER]]}},
    },
    "examples.json": Whole({"best": [_EXAMPLE], "worst": [_EXAMPLE]}, way_to_predict=str),
    "data.json": {str: str},
    "captions.json": [Whole(caption=str)],
}
DRIVES = {str: {str: Whole(drive={str: NUMBER})}}  # results.json of a run of fixed focus


def check_examples(examples, path):
    """Raises ValueError where segments of an example lack a picture or a token, or have others.

    A page loads nothing from elsewhere: a picture is its own data.
    """
    for end in ("best", "worst"):
        for number, one in enumerate(examples.get(end, [])):
            place = f"{path}, {end}, entry {number + 1}"
            for name in ("pictures", "tokens"):
                found, expected = len(one.get(name, one["attention"])), len(one["attention"])
                if found != expected:
                    raise ValueError(f"{place} has {found} {name}, expected {expected}")
            if not all(uri.startswith(_PICTURE) for uri in one.get("pictures", [])):
                raise ValueError(f"{place} has a picture that is not {_PICTURE}…, expected that")


_PICTURE = "data:"


def check_histograms(histograms, path):
    """Raises ValueError where a joint histogram is not one of counts (bins, bins)."""
    for split, by_way in histograms.get("splits", {}).items():
        for way, rows in by_way.items():
            sizes = {len(row) for row in rows}
            counts = [count for row in rows for count in row]
            if sizes != {len(rows)} or not all(0 <= one < math.inf for one in counts):
                raise ValueError(
                    f"{path}, {split}, {way} is no table of counts (bins, bins), expected one"
                )
