r"""torchmil's ABMIL on the folds of benchmarks/bags.py, by the same protocol.

    pip install torch torchmil
    python benchmarks/bags_torchmil.py --data=musk1.csv,elephant.csv --folder=runs/bags

Gated attention on dense layers 256, 128, 64 with ReLU and dropout 0.5, features standardised on the
training bags, Adam at 0.001, 50 epochs of batches of 8 bags, an average of the weights (0.98).
Needs no TensorFlow: it reads the folds that benchmarks/bags.py wrote. Resumable, fold by fold;
benchmarks/bags.py --table has its rows too.
"""

import argparse
import collections
import csv
import json
from pathlib import Path

import numpy as np
import torch
from torchmil.models import ABMIL

EPOCHS, BATCH, RATE, AVERAGE = 50, 8, 0.001, 0.98


def main(options):
    torch.set_num_threads(options.threads)
    for path in map(Path, options.data.split(",")):
        bags, labels = read(path)
        folder = Path(options.folder) / path.stem
        out = folder / "torchmil"
        out.mkdir(exist_ok=True)
        for number, test in enumerate(json.loads((folder / "folds.json").read_text())):
            repeat, fold = divmod(number, 10)
            target = out / f"repeat={repeat},fold={fold}.json"
            if repeat >= options.repeats or target.exists():
                continue
            torch.manual_seed(repeat)
            rng = np.random.default_rng([repeat, fold])
            train = [name for name in bags if name not in set(test)]
            p = fit_and_predict(
                [bags[n] for n in train],
                [labels[n] for n in train],
                [bags[n] for n in test],
                rng,
            )
            y = np.array([labels[name] for name in test])
            content = {"way_to_predict": "soft", "figures": figures(y, p), "bags": test}
            target.write_text(json.dumps(content) + "\n")
        print(path.stem, "done", flush=True)


def read(path):
    """({bag: features (m, d)}, {bag: label})."""
    rows, labels = collections.defaultdict(list), {}
    with path.open(newline="") as file:
        for label, bag, *features in csv.reader(file):
            rows[bag].append(list(map(float, features)))
            labels[bag] = int(label)
    return {bag: np.array(one, "float32") for bag, one in rows.items()}, labels


def fit_and_predict(train, labels, test, rng):
    """Probabilities of class 1 of the test bags."""
    everything = np.concatenate(train)
    mean, deviation = everything.mean(axis=0), everything.std(axis=0)
    deviation[deviation == 0] = 1.0
    train, test = ([(bag - mean) / deviation for bag in part] for part in (train, test))
    sizes, layers = (everything.shape[1], 256, 128, 64), []
    for n, m in zip(sizes, sizes[1:]):
        layers += [torch.nn.Linear(n, m), torch.nn.ReLU(), torch.nn.Dropout(0.5)]
    model = ABMIL((sizes[0],), att_dim=64, gated=True, feat_ext=torch.nn.Sequential(*layers))
    optimizer = torch.optim.Adam(model.parameters(), RATE)
    average = None
    for _ in range(EPOCHS):
        order = rng.permutation(len(train))
        for first in range(0, len(order) - BATCH + 1, BATCH):
            rows = order[first : first + BATCH]
            x, mask = padded([train[i] for i in rows])
            y = torch.tensor([labels[i] for i in rows], dtype=torch.float32)
            optimizer.zero_grad()
            loss = torch.nn.functional.binary_cross_entropy_with_logits(model(x, mask), y)
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                now = [p.clone() for p in model.parameters()]
                average = (
                    now
                    if average is None
                    else [AVERAGE * a + (1 - AVERAGE) * p for a, p in zip(average, now)]
                )
    with torch.no_grad():
        for p, a in zip(model.parameters(), average):
            p.copy_(a)
    model.eval()
    with torch.no_grad():
        return torch.sigmoid(model(*padded(test))).numpy()


def padded(bags):
    m = max(map(len, bags))
    x, mask = np.zeros((len(bags), m, bags[0].shape[1]), "float32"), np.zeros((len(bags), m), bool)
    for i, bag in enumerate(bags):
        x[i, : len(bag)], mask[i, : len(bag)] = bag, True
    return torch.from_numpy(x), torch.from_numpy(mask)


def figures(y, p):
    """As `metrics.auroc` and its neighbours, without scikit-learn."""
    said, order = p > 0.5, np.argsort(-p, kind="stable")
    above = p[y == 1][:, None] - p[y == 0][None]
    precision = np.cumsum(y[order]) / np.arange(1, len(y) + 1)
    return {
        "soft_accuracy": float(np.mean(said == y)),
        "soft_auroc": float(np.mean((above > 0) + 0.5 * (above == 0))),
        "soft_average_precision": float(precision[y[order] == 1].mean()),
        "soft_balanced_accuracy": float(np.mean([np.mean(said[y == c] == c) for c in (0, 1)])),
    }


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="musk1.csv,elephant.csv", help="CSV files of bags")
    parser.add_argument("--folder", default="runs/bags", help="that of benchmarks/bags.py")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    return parser


if __name__ == "__main__":
    main(_parser().parse_args())
