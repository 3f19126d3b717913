"""Figures on the paper's own test mosaics: drawn anew of the images that a run was trained on."""

import json

from attention_zoo import tasks
from attention_zoo._json import loads
from attention_zoo._paths import expanded
from attention_zoo.report.html import write_whole

SEED = 1_000_003  # of no run
_NAME = "training_images.json"


def figures(folder):
    """Figures of a finished run by name, as "test" of results.json has them.

    Of as many mosaics as the run has test mosaics. Measured once, and kept in its folder.
    """
    kept = expanded(folder) / _NAME
    if not kept.exists():
        config = loads((kept.parent / "config.json").read_bytes())
        own = {"test_split": config["train_split"], "protocol": "disjoint", "seed": SEED}
        found = tasks.evaluate_finished(kept.parent, **own)
        write_whole(kept, json.dumps(found.scalars(), indent=2) + "\n")
    return loads(kept.read_bytes())
