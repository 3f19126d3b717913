r"""Peak memory of training on slides: flat in their number, linear in the largest.

    python benchmarks/bags_memory.py

Slides of 512 features a patch in HDF5, soft gated attention, a slide a step; an epoch over all of
them in a process of its own. Printed: the most memory that the process had, and what it had before
the first step.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

CASES = ((10, 5_000), (40, 5_000), (160, 5_000), (10, 20_000), (10, 40_000), (10, 80_000))


def main(options):
    if options.folder:
        print(json.dumps(train(options.folder)))
        return
    print("| slides | patches a slide | peak, MB | before the first step, MB |\n|---|---|---|---|")
    for slides, patches in CASES:
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder), slides, patches)
            command = [sys.executable, __file__, f"--folder={folder}"]
            done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"error: {done.stderr[-500:]}")
        found = json.loads(done.stdout.strip().splitlines()[-1])
        print(
            f"| {slides} | {patches:,} | {found['peak']:,.0f} | {found['before']:,.0f} |",
            flush=True,
        )


def make(folder, slides, patches):
    """One file, and links to it: the disk holds it once, a reader reads it anew."""
    import h5py
    import numpy as np

    rng = np.random.default_rng(0)
    with h5py.File(folder / "0.h5", "w") as file:
        file["features"] = rng.standard_normal((patches, 512), dtype=np.float32)
    for i in range(1, slides):
        os.link(folder / "0.h5", folder / f"{i}.h5")
    rows = "\n".join(f"{i},{'ab'[i % 2]}" for i in range(slides))
    (folder / "labels.csv").write_text(f"slide,label\n{rows}\n")


def train(folder):
    """{"peak", "before"} in MB, of one epoch."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import attention_zoo as az
    from attention_zoo.training.loop import Loop

    source = az.datasets.load("bags/slides", data_dir=folder)[1].source
    focus, classifier, encoder = az.models.bag_networks((512,), 2)
    model = az.FocusClassifier(focus, classifier, encoder=encoder)
    model.build({"segments": (None, None, 512), "mask": (None, None)})
    model.compile(az.optimizers.Adam(0.001))
    loop = Loop(model, steps_per_call=len(source))
    before = _megabytes()
    loop.run(iter(source.endless(1)), len(source))
    return {"peak": _megabytes(), "before": before}


def _megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", default="", help="of one process: used by the program itself")
    return parser


if __name__ == "__main__":
    main(_parser().parse_args())
