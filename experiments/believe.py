r"""Which measure finds out a model that is right for the wrong reason, where the truth is known?

    python -m experiments.believe --folder=runs/believe
    python -m experiments.believe --folder=runs/believe --data=digits --seeds=1

Trains every paradigm on mosaics of digits, bags of digits and mosaics of CIFAR-10 with three seeds,
explains the test examples, and writes belief.md: how well each measure tells examples, and models,
whose attention is on the true segment from others, and what one gains by abstaining. Started again,
it goes on with what is missing.
"""

import argparse
import sys
from pathlib import Path

import keras

from attention_zoo._paths import expanded
from experiments.belief.models import DATA, of_study, train


def main():
    """Trains, measures and sums up what is left to do."""
    args = _parser().parse_args()
    folder = expanded(Path(args.folder))
    models = of_study(args.data, args.seeds)
    (folder / "models").mkdir(parents=True, exist_ok=True)
    for trained in models:
        path = folder / "models" / f"{trained.name}.keras"
        if not path.exists():
            train(trained, path, args.data_dir)
            keras.backend.clear_session()
            print(f"{trained.name}: trained", flush=True)


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", default="runs/believe", help="of models, figures and tables")
    parser.add_argument("--data", nargs="+", default=list(DATA), choices=list(DATA))
    parser.add_argument("--seeds", type=int, default=3, help="models of a kind")
    parser.add_argument("--data_dir", help="folder of tensorflow_datasets")
    return parser


if __name__ == "__main__":
    sys.exit(main())
