"""Small bags, and settings of short runs on them."""

import csv

import numpy as np

import attention_zoo as az

TINY = {"epochs": 2, "batch_size": 4, "dropout": 0.0}


def bags_of_vectors(n=24, seed=0, **options):
    """Bags of 3 to 9 vectors (d = 6); in positive ones, one has 4 in its first feature."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 2
    bags = [rng.normal(size=(rng.integers(3, 10), 6)).astype("float32") for _ in range(n)]
    keys = [int(rng.integers(len(bag))) if y else None for bag, y in zip(bags, labels)]
    for bag, key in zip(bags, keys):
        if key is not None:
            bag[key, 0] = 4.0
    return az.datasets.Bags.from_lists(bags, labels, keys, **options)


def write_csv(path, source):
    rows = [
        [source.labels[i], source.names[i], *features]
        for i in range(len(source))
        for features in source.read(i)
    ]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return {"dataset": "bags/csv", "data_dir": str(path)}
