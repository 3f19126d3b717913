r"""Measures the peak memory of the input side: 5 segments a mosaic against 100.

    python benchmarks/input_memory.py --data_dir=... --json=input_memory.json

Each row is a process of its own, which draws the mosaics and goes through them once:

- trainer: what `training/loop.py` reads: rows of the index table, equal batches whatever the number
  of segments, with the base images on the device; pixels are gathered within the training step
- fit, equal images: batches of pixels for `model.fit`, as many images whatever their segments
- fit, equal batch: batches of as many mosaics, 20 times the pixels at 100 segments

The columns, in MiB: the peak of the process once TensorFlow has run an op and before any data is
touched; after loading; after the pass; what data and pass raised it by; one batch of segments.

Measured on 2 cores of an AMD EPYC (sdc/cifar10, 10,000 mosaics, TensorFlow 2.21):

| | peak m = 5 | peak m = 100 | |
|---|---|---|---|
| trainer | 990 | 1005 | +1.6 % |
| fit, equal images | 1155 | 1169 | +1.3 % |
| fit, equal batch | 1156 | 1701 | +47 % |

What grows in the last row are the pixels of a batch, not what is kept: two batches exist at a time,
300 MiB each at m = 100 beside 75 MiB of bytes on their way to floats.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

CASES = ("trainer", "fit, equal images", "fit, equal batch")
SEGMENTS = (5, 100)
COLUMNS = ("start", "loaded", "peak", "rise", "batch", "seconds")


def main():
    args = _parser().parse_args()
    if args.worker:
        print(json.dumps(measure(args, args.worker[0], int(args.worker[1]))))
        return
    rows = [_in_fresh_process(case, m) for case in CASES for m in SEGMENTS]
    _print_table(rows)
    if args.json:
        Path(args.json).write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def measure(args, case, num_segments):
    """Loads, goes through the data once, and returns the row of the table."""
    import tensorflow as tf
    import tensorflow_datasets  # noqa: F401  what it costs is not the data's

    from attention_zoo import datasets
    from attention_zoo.datasets.mosaics.device_dataset import resident

    tf.zeros(1)
    start = _peak()
    info = datasets.load(
        args.dataset,
        num_segments=num_segments,
        num_examples=args.num_examples,
        data_dir=args.data_dir,
    )[1]
    loaded, begin = _peak(), time.perf_counter()
    equal_images = case == "fit, equal images"
    batch_size = args.batch_size * SEGMENTS[0] // num_segments if equal_images else args.batch_size
    source = info.source
    if case == "trainer":
        gather = resident(source)  # noqa: F841  holds the images
        batches = source.indices().endless(batch_size).take(args.num_examples // batch_size)
    else:
        batches = source.dataset(batch_size, shuffle=True)
    for batch in batches:
        segments = batch[0]
    size = segments.dtype.size * batch_size * tf.size(segments[0]).numpy()
    return {
        "case": case,
        "num_segments": num_segments,
        "batch_size": batch_size,
        "start": start,
        "loaded": loaded,
        "peak": _peak(),
        "rise": _peak() - start,
        "batch": size / 2**20,
        "seconds": time.perf_counter() - begin,
    }


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="sdc/cifar10", help="One of the sdc data sets.")
    parser.add_argument("--data_dir", help="Folder of tensorflow_datasets; its own by default.")
    parser.add_argument("--num_examples", type=int, default=10_000, help="Mosaics.")
    parser.add_argument("--batch_size", type=int, default=256, help="Mosaics a batch, at m = 5.")
    parser.add_argument("--json", help="File to write the figures to.")
    parser.add_argument("--worker", nargs=2, metavar=("CASE", "SEGMENTS"), help="For itself.")
    return parser


def _in_fresh_process(case, num_segments):
    command = [sys.executable, *sys.argv, "--worker", case, str(num_segments)]
    lines = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True
    ).stdout.splitlines()
    return json.loads(lines[-1])


def _peak():
    """Peak resident memory of this process in MiB, as Linux counts it."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _print_table(rows):
    print(f"{'case':18}{'m':>5}{'b':>5}" + "".join(f"{name:>9}" for name in COLUMNS))
    for row in rows:
        figures = "".join(f"{row[name]:9.1f}" for name in COLUMNS)
        print(f"{row['case']:18}{row['num_segments']:5}{row['batch_size']:5}{figures}")
    for few, many in zip(rows[::2], rows[1::2], strict=True):
        peak, rise = (many[name] / few[name] - 1 for name in ("peak", "rise"))
        print(f"{few['case']}: m = 100 over m = 5: peak {peak:+.1%}, rise {rise:+.1%}")


if __name__ == "__main__":
    main()
