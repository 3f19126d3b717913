r"""Normalisers and an entropy penalty against how interpretable attention is, as one sweep.

    python -m experiments.normalizers --folder=runs/normalizers --workers=2

Mosaics of digits, every normaliser with and without the penalty, three seeds; sweep.html and
summary.csv in the folder have accuracy, FT and the attention on the true segment. Started again, it
goes on with what is not finished. What it found is in docs/believe.md.

Reference: arXiv:2212.14776.
"""

import argparse
import sys

from attention_zoo import tasks

GRID = {
    "normalizer": ["softmax", "sparsemax", "entmax15", "spherical_softmax"],
    "entropy_penalty": [0.0, 0.1],
    "seed": [0, 1, 2],
}
SETTINGS = {
    "attention": "soft",
    "num_examples": 2000,
    "num_test_examples": 1000,
    "epochs": 12,
    "weight_decay": 0,
}


def main():
    """Makes the runs that are left, and sums them up."""
    args = _parser().parse_args()
    outcomes = tasks.sweep(
        "mosaics", args.folder, GRID, workers=args.workers, only=args.only, **SETTINGS
    )
    if any(outcomes.values()):
        sys.exit(1)  # the reasons were told


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", default="runs/normalizers", help="Of the sweep.")
    parser.add_argument("--workers", type=int, default=1, help="Runs at a time.")
    parser.add_argument("--only", type=int, help="Number of the one run to do, from 0.")
    return parser


if __name__ == "__main__":
    main()
