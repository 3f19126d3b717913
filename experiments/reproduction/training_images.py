"""Figures on the paper's own test mosaics: drawn anew of the images that a run was trained on."""

import json

from attention_zoo import tasks
from attention_zoo._json import loads
from attention_zoo.report.html import write_whole
from experiments.stability_curves import SEED

NAME = "training_images.json"


def measure(folder, **place):
    """Writes figures of a finished run into its folder, by name as "test" of results.json.

    Of as many mosaics as the run has test mosaics.

    Args:
        folder: of the run.
        **place: `data_dir`, where the data no longer lie where the run had them.
    """
    config, results = (
        loads((folder / f"{one}.json").read_bytes()) for one in ("config", "results")
    )
    found = tasks.evaluate_finished(
        folder,
        test_split=config["train_split"],
        num_test_examples=results["num_examples"]["test"],
        protocol="disjoint",
        seed=SEED,
        **place,
    )
    write_whole(folder / NAME, json.dumps(found.scalars(), indent=2) + "\n")


def figures(folder):
    """What `measure` wrote."""
    return loads((folder / NAME).read_bytes())
