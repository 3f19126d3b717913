"""Which way is up in a picture's file, outside of a graph: as `_decode.orientation` reads it."""

from typing import Literal

from attention_zoo._decode import ENTRIES, HOPS


def orientation_of(path):
    """The orientation that a file names, 1, upright, to 8; 1 where it cannot be read.

    Args:
        path: of a JPEG or PNG file; of another 1 is told.
    """
    try:
        with open(path, "rb", buffering=4096) as file:
            return orientation_in(file)
    except OSError:
        return 1


def orientation_in(file):
    """The same of a binary file that is open."""
    found = _orientation(file)
    return found if 1 <= found <= 8 else 1


def _orientation(file):
    first = _read(file, 0, 8)
    if first.startswith(b"\xff\xd8\xff"):
        start = _in_jpeg(file)
    elif first == b"\x89PNG\r\n\x1a\n":
        start = _in_png(file)
    else:
        return 1
    return 1 if start is None else _in_tiff(file, start)


def _read(file, at, size):
    file.seek(at)
    return file.read(size)


def _number(file, at, size, order="big"):
    return int.from_bytes(_read(file, at, size).ljust(size, b"\0"), order)


def _in_jpeg(file):
    """Where the TIFF header begins, or None."""
    at = 2
    for _ in range(HOPS):
        head = _read(file, at, 10)
        if head[:2] == b"\xff\xe1" and head[4:] == b"Exif\0\0":
            return at + 10
        if len(head) < 4 or head[0] != 0xFF or head[1] // 16 != 0xE and head[1] != 0xFE:
            return None
        at += 2 + int.from_bytes(head[2:4], "big")
    return None


def _in_png(file):
    """Where the TIFF header begins, or None."""
    at = 8
    for _ in range(HOPS):
        head = _read(file, at, 8)
        if head[4:] == b"eXIf":
            return at + 8
        if len(head) < 8:
            return None
        at += 12 + int.from_bytes(head[:4], "big")
    return None


def _in_tiff(file, start):
    """The orientation in the first directory; 0 if there is none."""
    order: Literal["big", "little"] = "big" if _read(file, start, 2) == b"MM" else "little"
    directory = start + _number(file, start + 4, 4, order)
    count = min(_number(file, directory, 2, order), ENTRIES)
    entries = _read(file, directory + 2, 12 * count)
    for i in range(0, len(entries) - 11, 12):
        tag, value = entries[i : i + 2], entries[i + 8 : i + 10]
        if int.from_bytes(tag, order) == 0x0112:
            return int.from_bytes(value, order)
    return 0
