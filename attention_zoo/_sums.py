"""SHA256SUMS: the sums of a folder's files, by which damage is found.

A line is a sum, two blanks and a file's name, as `sha256sum --check` reads it.
"""

import hashlib
import re

SUMS = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  (\S+)\n")


def sha256(path):
    """Of a file's bytes, 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while data := file.read(2**20):
            digest.update(data)
    return digest.hexdigest()


def write_sums(folder):
    """Writes the sums of all files of a folder, a `Path`."""
    lines = [f"{sha256(path)}  {path.name}\n" for path in sorted(folder.iterdir())]
    (folder / SUMS).write_bytes("".join(lines).encode())


def read_sums(folder):
    """Sums by the name of the file; ValueError where the file has other lines."""
    text = (folder / SUMS).read_bytes().decode(errors="replace")
    sums = {name: digest for digest, name in _LINE.findall(text)}
    if "".join(f"{digest}  {name}\n" for name, digest in sums.items()) != text:
        raise ValueError(f"{SUMS} has other lines than of a sum and a file's name")
    return sums


def check_sum(path, expected):
    """Raises ValueError unless a file is as it was written."""
    if sha256(path) != expected:
        raise ValueError(f"the SHA-256 of {path.name} is not the one in {SUMS}")
