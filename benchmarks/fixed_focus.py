r"""Times five alphas trained in one step beside one alpha: what the vectorised run costs.

    python -m benchmarks.fixed_focus --json=fixed_focus.json

Contestants are `FixedFocusClassifiers` on the paper's CIFAR-10 classifier, m = 5, batch 256, base
images gathered in the step: for each loss, and for all three at once, one with alpha = 0.6 and one
with alpha = 0.2, 0.4, 0.6, 0.8, 1.0. All live in one process and take turns in every round, after
a warm-up; a turn is some training steps, then as many batches measured (loss, drive, derivative).
The table has medians and quartiles over rounds in milliseconds a batch, and the median and
quartiles of the ratios within rounds, five alphas to one: of the training step, of the measurement,
and of both, which is what an epoch costs. Five runs one after another would be 5.

Malloc's thresholds matter as much here as in training at large; raised ones:

    MALLOC_MMAP_MAX_=0 MALLOC_ARENA_MAX=1 MALLOC_TRIM_THRESHOLD_=8589934592 \
        MALLOC_TOP_PAD_=268435456 python -m benchmarks.fixed_focus
"""

import argparse
import json
import os
import platform
import statistics
import time
from importlib.metadata import version
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from attention_zoo.datasets import sdc
from attention_zoo.datasets.mosaics.device_dataset import resident
from attention_zoo.models import networks
from attention_zoo.training.loop import Loop
from experiments.fixed_focus import true_segment_first
from experiments.held_focus.classifiers import FixedFocusClassifiers

ALPHAS = {"one": (0.6,), "five": (0.2, 0.4, 0.6, 0.8, 1.0)}
PARTS = ("train", "measure", "both")


def main():
    args = _parser().parse_args()
    results = []
    for attention in args.attention:
        results.append(compare(args, attention.split(",")))
        _print_case(results[-1])
        if args.json:
            report = {"machine": machine(args), "results": results}
            Path(args.json).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def compare(args, attentions):
    """Milliseconds a batch of both contestants, and their ratios, one a round."""
    turns = {name: _contestant(args, attentions, alphas) for name, alphas in ALPHAS.items()}
    for turn in turns.values():
        turn(args.warm_up)
    rounds: dict = {name: {part: [] for part in PARTS} for name in turns}
    for i in range(args.rounds):
        for name in list(turns)[:: 1 if i % 2 else -1]:
            train, measure = turns[name](args.steps)
            for part, time_of_it in zip(PARTS, (train, measure, train + measure)):
                rounds[name][part].append(time_of_it)
    pairs = {part: zip(rounds["five"][part], rounds["one"][part]) for part in PARTS}
    ratios = {part: [five / one for five, one in both] for part, both in pairs.items()}
    return {"attention": attentions, "milliseconds": rounds, "ratio_five_to_one": ratios}


def _contestant(args, attentions, alphas):
    """(Number of batches) -> milliseconds a batch of training and of measuring."""
    source = true_segment_first(_mosaics(args))
    keras.utils.set_random_seed(0)
    _, network = networks(args.network, source.images.shape[1:], args.num_classes)
    rates = [0.01] * len(attentions)
    model = FixedFocusClassifiers(
        network, attentions=attentions, alphas=alphas, learning_rates=rates
    )
    model.compile(keras.optimizers.SGD(1.0, momentum=0.9))
    model.optimizer.build(model.trainable_variables)
    loop = Loop(model, prepare=resident(source))
    iterator = iter(source.indices().endless(args.batch_size))
    probe = source.indices().dataset(args.batch_size)

    def turn(batches):
        train = _milliseconds(lambda: loop.run(iterator, batches))
        measure = _milliseconds(lambda: loop.evaluate(probe.take(batches)))
        return train / batches, measure / batches

    return turn


def _milliseconds(function):
    begin = time.perf_counter()
    function()
    tf.test.experimental.sync_devices()
    return 1000 * (time.perf_counter() - begin)


def _mosaics(args):
    """Of random images."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (10_000, 32, 32, 3), "uint8")
    return sdc.from_arrays(
        images,
        np.arange(10_000) % (2 * args.num_classes),
        foreground_classes=range(args.num_classes),
        num_segments=args.num_segments,
        num_examples=64 * args.batch_size,
    )


def machine(args):
    """What the figures depend on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "")
    return {
        "cpu": cpu or platform.processor(),
        "cores": os.cpu_count(),
        "malloc": {name: value for name, value in os.environ.items() if "MALLOC" in name},
        **{name: version(name) for name in ("tensorflow", "keras", "numpy")},
        **{name: value for name, value in vars(args).items() if name != "json"},
    }


def _print_case(case):
    print(f"\n{', '.join(case['attention'])}, milliseconds a batch (quartiles)")
    print(f"{'':9}{'one alpha':^22}{'five alphas':^22}{'ratio':^18}")
    for part in PARTS:
        cells = [_cell(case["milliseconds"][name][part], 1) for name in ALPHAS]
        cells.append(_cell(case["ratio_five_to_one"][part], 2))
        print(f"{part:9}{cells[0]:^22}{cells[1]:^22}{cells[2]:^18}", flush=True)


def _cell(values, digits):
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{median:.{digits}f} ({low:.{digits}f}-{high:.{digits}f})"


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    every = ["soft", "hard", "lvml", "soft,hard,lvml"]
    parser.add_argument("--attention", nargs="+", default=every, help="Losses of a case: commas.")
    parser.add_argument("--network", default="cifar10", help="Whose classifier.")
    parser.add_argument("--num_classes", type=int, default=3, help="C.")
    parser.add_argument("--num_segments", type=int, default=5, help="m.")
    parser.add_argument("--batch_size", type=int, default=256, help="Mosaics a step.")
    parser.add_argument("--rounds", type=int, default=9, help="Turns of each contestant.")
    parser.add_argument("--steps", type=int, default=4, help="Batches in a turn.")
    parser.add_argument("--warm_up", type=int, default=4, help="Batches before the first round.")
    parser.add_argument("--json", help="File to write the figures to.")
    return parser


if __name__ == "__main__":
    main()
