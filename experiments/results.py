"""Tables of finished runs, means over seeds, as the scripts of results print them."""

import re
from pathlib import Path


def by_kind(folders):
    """{kind: its folders}: names that differ in the number at the end only are of one kind."""
    kinds: dict[str, list[Path]] = {}
    for path in map(Path, folders):
        kinds.setdefault(re.sub(r"_\d+$", "", path.name), []).append(path)
    return kinds


def spread(values, decimals=1):
    """Mean ± half the distance between the lowest and the highest; "" of nothing."""
    if not len(values):
        return ""
    half = f" ± {(max(values) - min(values)) / 2:.{decimals}f}" if len(values) > 1 else ""
    return f"{sum(values) / len(values):.{decimals}f}{half}"


def markdown(head, rows):
    """A Markdown table of texts."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
