"""What figures of a run were measured on, in the words of its task."""

import numpy as np

TRAINING, HELD_OUT, TEST = "", "val_", "test"  # prefixes of the columns of metrics.csv; a split
_SPLITS = {TRAINING: "training", HELD_OUT: "validation", TEST: "test"}


def word(run, name, default):
    """How the run's task calls one of its things; a default where it did not say."""
    return run.about.get("words", {}).get(name, default)


def measured_on(run, where):
    """The examples of `TRAINING`, `HELD_OUT` or `TEST`, such as "validation mosaics"."""
    return f"{_SPLITS[where]} {word(run, 'examples', 'examples')}"


def known_of(run, where, whole):
    """Those of `measured_on` whose truth is known; all of them where they are the `whole`."""
    known = word(run, "known", "whose true segment is known")
    return measured_on(run, where) + ("" if whole else f" {known}")


def truth(run):
    """What attention is compared with."""
    return word(run, "truth", "the true segment")


def is_whole(accuracy, ftpt, ffpt):
    """Whether a breakdown is of every example that the accuracy is of: their figures agree.

    Args:
        accuracy, ftpt, ffpt: fractions, numbers or (n,); accuracy None where it is not known.
    """
    return accuracy is not None and np.allclose(accuracy, np.add(ftpt, ffpt), rtol=0, atol=1e-4)
