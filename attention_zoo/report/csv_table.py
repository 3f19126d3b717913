"""Reads the curves of a run, `metrics.csv`."""

import csv

import numpy as np


def read_rows(path):
    """The rows of a CSV file, mappings of its columns' names to text.

    Raises:
        ValueError: the file is not there, is no CSV in UTF-8, or has a row of another length.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file, strict=True))
    except (OSError, ValueError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise ValueError(f"{path} cannot be read ({reason}), expected {_CURVES}") from error
    for number, row in enumerate(rows):
        if None in row or None in row.values() or "" in row:
            raise ValueError(f"{path}, row {number + 1} has no cell a column, expected {_CURVES}")
    return rows


_CURVES = "the curves of a run"


def read_columns(path):
    """Columns of a CSV file by name, (n,): floats, NaN for empty cells, or strings.

    Raises:
        ValueError: as of `read_rows`.
    """
    rows = read_rows(path)
    names = rows[0] if rows else ()
    return {name: _column([row[name] for row in rows]) for name in names}


def _column(texts):
    try:
        return np.array([float(text or "nan") for text in texts])
    except ValueError:
        return np.array(texts)
