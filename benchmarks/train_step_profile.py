"""Shows by TensorFlow's profiler where the time of a training step of train_step.py goes.

    python benchmarks/train_step_profile.py --attention=soft --bfloat16

Prints milliseconds a step by kind of operation, the largest first. Operations that run side by side
count in full, so that on two threads the sum may exceed the step.
"""

import argparse
import tempfile
import time

import tensorflow as tf
from input_wait import read_events
from train_step_task import Task
from train_step_tensorflow import Ours, OursBfloat16


def main():
    args = _parser().parse_args()
    task = Task(args.attention, args.segments, args.batch_size)
    contestant = (OursBfloat16 if args.bfloat16 else Ours)(task)
    for i in range(3):
        contestant.step(i)
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        begin = time.perf_counter()
        for i in range(args.steps):
            contestant.step(i)
        seconds = time.perf_counter() - begin
        tf.profiler.experimental.stop()
        events = read_events(folder)
    print(f"a step: {1e3 * seconds / args.steps:.1f} ms under the profiler")
    totals = {kind: 1e3 * sum(found) / args.steps for kind, found in events.items()}
    for kind in sorted(totals, key=totals.get, reverse=True)[: args.rows]:
        print(f"{totals[kind]:8.2f}  {len(events[kind]) / args.steps:6.1f} times  {kind}")


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--attention", default="soft", help="Name of an attention.")
    parser.add_argument("--segments", type=int, default=5, help="m.")
    parser.add_argument("--batch_size", type=int, default=256, help="Mosaics a step.")
    parser.add_argument("--bfloat16", action="store_true", help="Products in bfloat16.")
    parser.add_argument("--steps", type=int, default=10, help="Steps on the profile.")
    parser.add_argument("--rows", type=int, default=25, help="Kinds of operations that are shown.")
    return parser


if __name__ == "__main__":
    main()
