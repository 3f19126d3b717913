r"""Times the input pipeline alone: index rows for the loop, and pixels for `model.fit`.

    python benchmarks/input_pipeline.py --json=input_pipeline.json

Both take batches without end of random mosaics of 32×32×3 images; no model runs. The pipelines take
turns in every round, after a warm-up; medians and quartiles over the rounds, in milliseconds a
batch. Rows are what the training loop gets, which gathers the pixels within its compiled step;
pixels are gathered, scaled to float32 and prefetched by tf.data.

Measured: see docs/benchmarks.md.
"""

import argparse
import itertools
import json
import statistics
import time
from pathlib import Path

import numpy as np

from attention_zoo import datasets

PIPELINES = ("rows", "pixels")


def main():
    args = _parser().parse_args()
    results = [measure(m, args) for m in args.segments]
    print("| m | " + " | ".join(PIPELINES) + " |\n|" + "---|" * (1 + len(PIPELINES)))
    for result in results:
        cells = [_cell(result["milliseconds"][name]) for name in PIPELINES]
        print(f"| {result['num_segments']} | " + " | ".join(cells) + " |")
    if args.json:
        Path(args.json).write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def measure(num_segments, args):
    """Milliseconds a batch of each pipeline, one a round."""
    rng = np.random.default_rng(0)
    source = datasets.sdc.from_arrays(
        rng.integers(0, 256, (2_000, 32, 32, 3), dtype="uint8"),
        np.arange(2_000) % 10,
        foreground_classes=(0, 1, 2),
        num_segments=num_segments,
        num_examples=64 * args.batch_size,
    )
    iterators = {
        "rows": iter(source.indices().endless(args.batch_size)),
        "pixels": iter(source.endless(args.batch_size)),
    }
    times = {name: [] for name in PIPELINES}
    for _ in range(args.rounds + 1):
        for name in PIPELINES:
            times[name].append(_milliseconds(iterators[name], args.batches))
    times = {name: rounds[1:] for name, rounds in times.items()}  # the first warms up
    return {"num_segments": num_segments, "batch_size": args.batch_size, "milliseconds": times}


def _milliseconds(iterator, batches):
    """A batch, mean over the next `batches`."""
    begin = time.perf_counter()
    for _ in itertools.islice(iterator, batches):
        pass
    return 1000 * (time.perf_counter() - begin) / batches


def _cell(rounds):
    low, median, high = statistics.quantiles(rounds, n=4)
    return f"{median:.2f} ({low:.2f}–{high:.2f})"


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--segments", nargs="+", type=int, default=[5, 10, 50], help="m.")
    parser.add_argument("--batch_size", type=int, default=256, help="Mosaics a batch.")
    parser.add_argument("--batches", type=int, default=30, help="Batches in a turn.")
    parser.add_argument("--rounds", type=int, default=9, help="Turns of each pipeline.")
    parser.add_argument("--json", help="File to write the figures to.")
    return parser


if __name__ == "__main__":
    main()
