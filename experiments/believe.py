r"""Which measure finds out a model that is right for the wrong reason, where the truth is known?

    python -m experiments.believe --folder=runs/believe
    python -m experiments.believe --folder=runs/believe --data=digits --seeds=1

Trains every paradigm on mosaics of digits, bags of digits and mosaics of CIFAR-10 with three seeds,
explains the test examples, and writes belief.md: how well each measure tells examples, and models,
whose attention is on the true segment from others, and what one gains by abstaining. Started again,
it goes on with what is missing.
"""

import argparse
import dataclasses
import json
import sys
from pathlib import Path

import keras
import numpy as np

from attention_zoo._paths import expanded
from attention_zoo.evaluation import evaluate_stability
from experiments.belief.measured import measure
from experiments.belief.models import DATA, load, of_study, train
from experiments.belief.tables import page


def main():
    """Trains, measures and sums up what is left to do."""
    args = _parser().parse_args()
    folder = expanded(Path(args.folder))
    (folder / "models").mkdir(parents=True, exist_ok=True)
    for trained in of_study(args.data, args.seeds):
        path = folder / "models" / f"{trained.name}.keras"
        if not path.exists():
            train(trained, path, args.data_dir)
            print(f"{trained.name}: trained", flush=True)
        if not path.with_suffix(".npz").exists():
            _measure(trained, path, args.data_dir)
            print(f"{trained.name}: measured", flush=True)
        _compare_seeds(trained, folder / "models", args)
        keras.backend.clear_session()
        found = _measured(folder, args.seeds), _stability(folder, args.seeds)
        (folder / "belief.md").write_text(page(*found), "utf-8")
    print(f"written to {folder}/belief.md")


def _measure(trained, path, data_dir):
    _, _, splits = load(trained, data_dir)
    found = measure(keras.saving.load_model(path, compile=False), splits["test"])
    temporary = path.with_name(f"writing-{path.stem}.npz")
    np.savez(temporary, **found)
    temporary.replace(path.with_suffix(".npz"))


def _compare_seeds(trained, folder, args):
    """Writes how alike the models of a kind look at the same examples, once all are there."""
    kind = [dataclasses.replace(trained, seed=seed) for seed in range(args.seeds)]
    paths = [folder / f"{one.name}.keras" for one in kind]
    result = _stability_file(folder, trained, args.seeds)
    if result.exists() or len(paths) < 2 or not all(path.exists() for path in paths):
        return
    _, _, splits = load(kind[0], args.data_dir)
    models = [keras.saving.load_model(path, compile=False) for path in paths]
    found = evaluate_stability(models, splits["test"].source.head(300).dataset(100))
    result.write_text(json.dumps(found))


def _stability_file(folder, trained, seeds):
    return folder / f"{trained.name.rpartition('_')[0]}_of_{seeds}.json"


def _measured(folder, seeds):
    """{data: {kind of model: [numbers of a seed]}} of what there is so far."""
    found: dict[str, dict[str, list]] = {name: {} for name in DATA}
    for trained in of_study(seeds=seeds):
        path = folder / "models" / f"{trained.name}.npz"
        if path.exists():
            with np.load(path) as numbers:
                found[trained.data].setdefault(trained.kind, []).append(dict(numbers))
    return found


def _stability(folder, seeds):
    """{(data, kind of model): figures of `evaluate_stability`} of what there is so far."""
    found = {}
    for trained in of_study(seeds=1):
        path = _stability_file(folder / "models", trained, seeds)
        if path.exists():
            found[trained.data, trained.kind] = json.loads(path.read_text())
    return found


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", default="runs/believe", help="of models, figures and tables")
    parser.add_argument("--data", nargs="+", default=list(DATA), choices=list(DATA))
    parser.add_argument("--seeds", type=int, default=3, help="models of a kind")
    parser.add_argument("--data_dir", help="folder of tensorflow_datasets")
    return parser


if __name__ == "__main__":
    sys.exit(main())
