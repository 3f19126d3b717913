r"""Times the three ways to predict: what the classifier costs on one segment, and on all of them.

    python benchmarks/inference.py --json=inference.json

The paper's CIFAR-10 networks on batches of random mosaics. The focus part (scores and attention) is
the same for all ways; the classifier part is what a way does with the attention. Parts and ways
take turns in every round, after a warm-up; medians and quartiles over the rounds, in milliseconds.

Measured: see docs/benchmarks.md.
"""

import argparse
import json
import statistics
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from attention_zoo.models import FocusClassifier, networks, prediction


def main():
    args = _parser().parse_args()
    results = [measure(m, args.batch_size, args.rounds) for m in args.segments]
    _print_table(results)
    if args.json:
        Path(args.json).write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def measure(num_segments, batch_size, rounds):
    """Milliseconds of every part and way, one list a contestant."""
    keras.utils.set_random_seed(0)
    shape = (batch_size, num_segments, 32, 32, 3)
    focus, classifier = networks("cifar10", shape[2:], 3)
    model = FocusClassifier(focus, classifier, "hard")
    model.build((None, *shape[1:]))
    segments = tf.constant(np.random.default_rng(0).uniform(-1, 1, shape).astype("float32"))
    a = model.attention.attend(model.scores(segments))
    contestants = {"focus": (lambda x, a: model.attention.attend(model.scores(x)))}
    for name, way in prediction.WAYS.items():
        contestants[f"{name}: classifier"] = lambda x, a, way=way: way(classifier, x, a)
        contestants[f"{name}: all"] = lambda x, a, way=way: way(
            classifier, x, model.attention.attend(model.scores(x))
        )
    compiled = {name: tf.function(function) for name, function in contestants.items()}
    times = {name: [] for name in compiled}
    for i in range(rounds + 2):
        for name, function in compiled.items():
            begin = time.perf_counter()
            function(segments, a).numpy()
            if i >= 2:
                times[name].append(1000 * (time.perf_counter() - begin))
    return {"num_segments": num_segments, "batch_size": batch_size, "milliseconds": times}


def _print_table(results):
    names = list(results[0]["milliseconds"])
    print("| m | " + " | ".join(names) + " |")
    print("|" + "---|" * (1 + len(names)))
    for result in results:
        cells = []
        for name in names:
            low, median, high = statistics.quantiles(result["milliseconds"][name], n=4)
            cells.append(f"{median:.1f} ({low:.1f}–{high:.1f})")
        print(f"| {result['num_segments']} | " + " | ".join(cells) + " |")


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--segments", nargs="+", type=int, default=[5, 20, 50], help="m.")
    parser.add_argument("--batch_size", type=int, default=64, help="Mosaics a batch.")
    parser.add_argument("--rounds", type=int, default=9, help="Turns of each contestant.")
    parser.add_argument("--json", help="File to write the figures to.")
    return parser


if __name__ == "__main__":
    main()
