"""Whether runs are of the same data: by fingerprints where they say so, else by settings."""

import itertools
import json
from typing import NamedTuple

from attention_zoo.report.run import OWN_DATA

_ALL = ("dataset", "protocol", "num_segments", "mean_size", "annotators", "folds", "fold", "repeat")
_OF_SPLIT = {
    "train": ("train_split", "num_examples", "validation"),
    "validation": ("validation_split", "num_test_examples", "validation"),
    "test": ("test_split", "num_test_examples"),
}
_READ = (OWN_DATA, "hatexplain", "json_lines", "bags/csv", "bags/slides")  # not drawn by the seed
_CAPTIONED = ("train_split", "min_count", "image_size")  # fingerprints have the vocabulary in


class _Known(NamedTuple):
    """What is known of a run's split: its settings, None for data of one's own; its fingerprint."""

    settings: str | None
    follows: str
    fingerprint: str | None


def are_of_the_same_data(runs, split="test"):
    """Whether a value of one run can be better than another's: all are of the same examples.

    Args:
        runs: `Run`s.
        split: what the values are of.
    """
    known = [_known(run, split) for run in runs]
    if len(runs) > 1 and any(one.settings is one.fingerprint is None for one in known):
        return False
    return all(_are_same(*pair) for pair in itertools.combinations(dict.fromkeys(known), 2))


def have_the_same_vocabulary(runs):
    """Whether captions are of the same words, those of the training captions but rare ones.

    A perplexity is of all words: of fewer it is lower.
    """
    counts = {run.config.get("min_count") for run in runs}
    return len(counts) == 1 and are_of_the_same_data(runs, "train")


def fingerprints_follow(run):
    """What a run's fingerprints follow beside what its data settings say, as text.

    The seed, unless the data are known to be read, not drawn.
    """
    config = run.config
    if config.get("dataset") in _READ:
        return ""
    names = _CAPTIONED if run.task == "captions" else ("seed",)
    return json.dumps([config.get(name) for name in names])


def _known(run, split):
    config = run.config
    folder = None if str(config.get("dataset")).startswith("sdc/") else config.get("data_dir")
    settings = json.dumps([folder, *(config.get(name) for name in (*_ALL, *_OF_SPLIT[split]))])
    is_own = config.get("dataset") == OWN_DATA
    return _Known(None if is_own else settings, fingerprints_follow(run), run.data.get(split))


def _are_same(one, other):
    """Equal fingerprints are of equal data; others of other data, where they follow the same."""
    if None not in (one.fingerprint, other.fingerprint):
        if one.fingerprint == other.fingerprint:
            return True
        if one.follows == other.follows:
            return False
    return one.settings == other.settings
