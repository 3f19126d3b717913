"""Tables of finished runs, means over seeds, as the scripts of results print them."""

import json
import re
import sys
from pathlib import Path

_OF_A_RUN = ("seed", "data_dir", "features_dir")  # settings that runs of a kind may differ in


def by_kind(folders):
    """{kind: its folders}: names that differ in the number at the end only are of one kind."""
    kinds: dict[str, list[Path]] = {}
    for path in map(Path, folders):
        kinds.setdefault(re.sub(r"_\d+$", "", path.name), []).append(path)
    return kinds


def runs_by_kind(folders):
    """`by_kind` of finished runs; ends the script where those of a kind are no runs of other seeds.

    They differ in a setting, or two of them have the same seed.
    """
    kinds = by_kind(folders)
    for kind, paths in kinds.items():
        _check_seeds(kind, paths)
        first, *others = ((path, _settings(path)) for path in paths)
        for path, settings in others:
            if differ := sorted(
                name
                for name in first[1].keys() | settings.keys()
                if first[1].get(name) != settings.get(name)
            ):
                sys.exit(
                    f"runs of {kind} differ in {differ[0]} ({first[0]}, {path}), expected other "
                    "seeds alone"
                )
    return kinds


def _check_seeds(kind, paths):
    of_seed: dict[int | None, Path] = {}
    for path in paths:
        seed = _config(path).get("seed")
        if seed in of_seed:
            sys.exit(
                f"runs of {kind} have seed {seed} twice ({of_seed[seed]}, {path}), expected other "
                "seeds"
            )
        of_seed[seed] = path


def _settings(path):
    return {name: value for name, value in _config(path).items() if name not in _OF_A_RUN}


def _config(path):
    return json.loads((path / "config.json").read_text())


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
