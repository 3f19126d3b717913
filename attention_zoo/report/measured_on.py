"""What figures of a run were measured on, in words."""

import numpy as np

TRAINING, HELD_OUT, TEST = "", "val_", "test"  # prefixes of the columns of metrics.csv; a split

_EXAMPLES = {  # by trainer; `trainers.sdc` has no mosaics for validation but those of the test
    "sdc": {TRAINING: "training mosaics", HELD_OUT: "test mosaics", TEST: "test mosaics"},
    "hatexplain": {TRAINING: "training posts", HELD_OUT: "validation posts", TEST: "test posts"},
    "captions": {
        TRAINING: "training pictures",
        HELD_OUT: "validation pictures",
        TEST: "test pictures",
    },
}
_OF_ANY = {TRAINING: "training examples", HELD_OUT: "held-out examples", TEST: "test examples"}


def measured_on(run, where):
    """The examples of `TRAINING`, `HELD_OUT` or `TEST`, such as "test mosaics"."""
    return _EXAMPLES.get(run.about.get("trainer"), _OF_ANY)[where]


def known_of(run, where, whole):
    """Those of `measured_on` whose truth is known; all of them where they are the `whole`."""
    known = "with a rationale" if _is_of_posts(run) else "whose true segment is known"
    return measured_on(run, where) + ("" if whole else f" {known}")


def truth(run):
    """What attention is compared with."""
    return "the rationale" if _is_of_posts(run) else "the true segment"


def is_whole(accuracy, ftpt, ffpt):
    """Whether a breakdown is of every example that the accuracy is of: their figures agree.

    Args:
        accuracy, ftpt, ffpt: fractions, numbers or (n,); accuracy None where it is not known.
    """
    return accuracy is not None and np.allclose(accuracy, np.add(ftpt, ffpt), rtol=0, atol=1e-4)


def _is_of_posts(run):
    return run.about.get("trainer") == "hatexplain"
