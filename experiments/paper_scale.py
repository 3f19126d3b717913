r"""CIFAR-10 mosaics at the paper's own scale: 30,000 mosaics, 150 epochs; curves and stability.

    python -m experiments.paper_scale --folder=runs/paper_scale
    python -m experiments.paper_scale --folder=runs/paper_scale --jobs=soft_0.02_0,hard_0.02_0

Rows are soft, hard and LVML at the paper's rate 0.05, at 0.02, and at 0.05 with the gradient's
norm clipped at 1; m = 5, batch 256, SGD with momentum 0.9, products in bfloat16. The jobs of a
sweep, one after the other: started again, each goes on where it was broken off. What
`StabilityCurves` adds to metrics.csv says when attention collapses, and what grew before.

On two busy cores a run of 150 epochs takes hours; none has come to its end yet.
"""

import argparse
import functools
import sys
from pathlib import Path

from attention_zoo._paths import expanded
from attention_zoo.tasks import MosaicsTask
from attention_zoo.training.run import run_task
from attention_zoo.training.sweep import Job, Trainer, run_jobs, trainer_of
from experiments.stability_curves import StabilityCurves

COMMON = {
    "dataset": "sdc/cifar10",
    "num_segments": 5,
    "num_examples": 30_000,
    "num_test_examples": 10_000,
    "epochs": 150,
    "batch_size": 256,
    "optimizer": "sgd",
    "momentum": 0.9,
    "mixed_precision": "bfloat16",
    "checkpoint_steps": 585,  # five epochs
    "keep_checkpoints": 1_000,  # all, to look at the steps before a collapse
}
ROWS = {
    "0.02": {"learning_rate": 0.02},
    "0.05": {"learning_rate": 0.05},
    "0.05_clipped": {"learning_rate": 0.05, "clip_norm": 1.0},
}


def main():
    """Makes the runs that are left."""
    args = _parser().parse_args()
    folder = expanded(Path(args.folder))
    jobs = [job for job in jobs_of(range(args.seeds)) if args.jobs is None or job.name in args.jobs]
    trainer = trainer_with_curves(data_dir=args.data_dir, **COMMON)
    if any(run_jobs(jobs, folder, lambda job: trainer).values()):
        sys.exit(1)  # the reasons were told


def jobs_of(seeds):
    """A `Job` for each rate, attention and seed: "soft_0.02_0"."""
    return [
        Job(f"{attention}_{row}_{seed}", {"attention": attention, "seed": seed} | own)
        for seed in seeds
        for row, own in ROWS.items()
        for attention in ("soft", "lvml", "hard")
    ]


def trainer_with_curves(**settings):
    """The `Trainer` of mosaics with `StabilityCurves` as a callback, and with common settings."""
    plain = trainer_of(MosaicsTask(), **settings)
    return Trainer(functools.partial(_train, settings), plain.record)


def _train(settings, workdir, **own):
    curves = StabilityCurves(data_dir=settings["data_dir"], num_segments=settings["num_segments"])
    return run_task(MosaicsTask(), workdir, callbacks=[curves], **settings, **own)


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", default="runs/paper_scale", help="Of the runs.")
    parser.add_argument("--data_dir", help="Folder of tensorflow_datasets.")
    parser.add_argument("--seeds", type=int, default=1, help="How many, from 0.")
    parser.add_argument(
        "--jobs", type=lambda text: text.split(","), help="Names, with commas; all if unset."
    )
    return parser


if __name__ == "__main__":
    main()
