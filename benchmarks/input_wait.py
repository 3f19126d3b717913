r"""Shows on a profile what the training loop waits for its input, and that no pixels are copied.

    python benchmarks/input_wait.py --data_dir=...

Runs the loop of `attention_zoo.trainers` on CIFAR-10 mosaics under TensorFlow's profiler and reads
the trace: the time it takes to get a batch (the root of the data set's iterator; no step waits for
longer), and all copies between host and device (`Memcpy…`, `_Send`, `_Recv`, `…CopyToDevice`,
`…TransferToDevice`), if there are any. What reaches a step
is the batch it is given, rows of the table and targets: its size is printed beside that of the
pixels.

Measured on 2 cores of an AMD EPYC (TensorFlow 2.21, lvml, m = 5, batch 256, 24 steps): waits are
0.055 % of the time, the longest 1.7 ms, and a batch is 7 KiB instead of the pixels' 15 MiB. Two
copies are seen, of scalars that start a call: the number of steps, and the iterator's handle.
"""

import argparse
import collections
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tensorflow.tsl.profiler.protobuf import xplane_pb2

from attention_zoo import datasets
from attention_zoo.datasets.mosaics.device_dataset import resident
from attention_zoo.models import FocusClassifier, networks
from attention_zoo.training.loop import Loop

COPIES = ("memcpy", "_send", "_recv", "transfertodevice", "copytodevice")


def main():
    args = _parser().parse_args()
    loop, batches = _loop(args)
    iterator = iter(batches)
    loop.run(iterator, args.steps)  # traces and warms up
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        begin = time.perf_counter()
        loop.run(iterator, args.steps)
        tf.test.experimental.sync_devices()
        seconds = time.perf_counter() - begin
        tf.profiler.experimental.stop()
        events = read_events(folder)
    rows, targets = next(iterator)
    batch = sum(part.numpy().nbytes for part in (rows, *targets.values()))
    pixels = 4 * rows.shape[0] * args.num_segments * int(np.prod(loop.model.input_shape_of_one))
    waits = events["Root"]
    print(f"{args.steps} steps took {seconds:.3f} s under the profiler")
    print(
        f"{len(waits)} waits for a batch took {1e3 * sum(waits):.2f} ms: "
        f"{sum(waits) / seconds:.3%} of the time, the longest {1e3 * max(waits, default=0):.2f} ms"
    )
    print(f"a batch is {batch} bytes of rows and targets; its pixels would be {pixels}")
    copies = {name: len(found) for name, found in events.items() if _is_copy(name)}
    print(f"copies between host and device: {copies or 'none'}")


def _loop(args):
    info = datasets.load(
        "sdc/cifar10",
        num_segments=args.num_segments,
        num_examples=args.batch_size * 64,
        data_dir=args.data_dir,
    )[1]
    keras.utils.set_random_seed(0)
    focus, classifier = networks("cifar10", info.segment_shape, info.num_classes)
    model = FocusClassifier(focus, classifier, args.attention)
    model.build((None, info.num_segments, *info.segment_shape))
    model.input_shape_of_one = info.segment_shape
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9))
    model.optimizer.build(model.trainable_variables)
    loop = Loop(model, prepare=resident(info.source), jit_compile=args.jit_compile)
    batches = info.source.indices().endless(args.batch_size)
    loop.evaluate(batches.take(1))  # makes the metrics' variables
    return loop, batches


def read_events(folder):
    """Durations in seconds of all events of the trace, by kind of operation."""
    events = collections.defaultdict(list)
    for path in Path(folder).rglob("*.xplane.pb"):
        space = xplane_pb2.XSpace.FromString(path.read_bytes())
        for plane in space.planes:
            for line in plane.lines:
                for event in line.events:
                    kind = plane.event_metadata[event.metadata_id].name.split(":")[-1]
                    events[kind].append(event.duration_ps * 1e-12)
    return events


def _is_copy(name):
    return any(word in name.lower() for word in COPIES)


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", help="Folder of tensorflow_datasets; its own by default.")
    parser.add_argument("--attention", default="lvml", help="Name of an attention.")
    parser.add_argument("--num_segments", type=int, default=5, help="m.")
    parser.add_argument("--batch_size", type=int, default=256, help="Mosaics a step.")
    parser.add_argument("--steps", type=int, default=24, help="Steps on the profile.")
    parser.add_argument("--jit_compile", action="store_true", help="Steps compiled by XLA.")
    return parser


if __name__ == "__main__":
    main()
