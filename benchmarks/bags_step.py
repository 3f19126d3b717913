r"""Time and peak memory of a training step on one large bag, beside torchmil's ABMIL.

    python benchmarks/bags_step.py --torch_python=venv/bin/python
    python benchmarks/bags_step.py --instances=10000,50000,100000 --rounds=1

One bag of 100,000 × 1,024 float32 features; dense layers 256, 128, 64 with ReLU and dropout 0.5,
gated attention, Adam. Every figure is of a process of its own, which has the bag in memory, and
takes steps for some seconds; rounds go through all in turn, so that whatever else the machine does
falls on all alike. Printed: the median over rounds of the median step, and the most memory that the
process ever had, and what it had before the first step. --torch_python names a Python with torch
and torchmil; without it only the package is measured.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

UNITS = (256, 128, 64)
OURS = ("soft", "hard", "lvml", "mean")


def main(options):
    """Runs every case in a process, in turn; prints a table."""
    if options.case:
        print(json.dumps(one(options)))
        return
    cases = [(name, dtype) for dtype in options.dtypes.split(",") for name in OURS]
    if options.torch_python:
        cases += [("torchmil", dtype) for dtype in options.dtypes.split(",")]
    found: dict[tuple, list] = {}
    for _ in range(options.rounds):
        for m in map(int, options.instances.split(",")):
            for name, dtype in cases:
                found.setdefault((m, name, dtype), []).append(_run(options, m, name, dtype))
    print("| instances | model | dtype | ms a step | peak, MB | before the first step, MB |")
    print("|---|---|---|---|---|---|")
    for (m, name, dtype), rounds in found.items():
        ms, peak, before = (
            statistics.median(one[key] for one in rounds) for key in ("ms", "peak", "before")
        )
        print(f"| {m:,} | {name} | {dtype} | {ms:.0f} | {peak:,.0f} | {before:,.0f} |")


def _run(options, m, name, dtype):
    python = options.torch_python if name == "torchmil" else sys.executable
    command = [python, __file__, f"--case={name}", f"--dtypes={dtype}", f"--instances={m}"]
    command += [f"--features={options.features}", f"--seconds={options.seconds}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"error: {name}, {dtype}, {m} instances: {done.stderr.strip()[-500:]}")
    found = json.loads(done.stdout.strip().splitlines()[-1])
    print(m, name, dtype, found, file=sys.stderr, flush=True)
    return found


def one(options):
    """{"ms", "peak", "before"} of the case."""
    import numpy as np

    rng = np.random.default_rng(0)
    x = rng.standard_normal((int(options.instances), options.features), dtype=np.float32)
    make = torch_step if options.case == "torchmil" else our_step
    step = make(x, options.case, options.dtypes)
    before = _megabytes()
    step()  # what is traced and compiled is not timed
    times, until = [], time.perf_counter() + options.seconds
    while len(times) < 3 or time.perf_counter() < until:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return {"ms": 1000 * statistics.median(times), "peak": _megabytes(), "before": before}


def _megabytes():
    """The most memory that this process has had (Linux counts in kB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def our_step(x, attention, dtype):
    """A step of `Loop`, by bags read from memory as in a run."""
    import os

    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    import attention_zoo as az
    from attention_zoo.training.loop import Loop

    if dtype == "bfloat16":
        keras.config.set_dtype_policy("mixed_bfloat16")
    pool = attention if attention in az.models.POOLS else None
    make = (lambda *a: az.models.pooled_networks(pool, *a)) if pool else az.models.bag_networks
    focus, classifier, encoder = make((x.shape[1],), 2)
    model = az.FocusClassifier(focus, classifier, "soft" if pool else attention, encoder=encoder)
    model.build({"segments": (None, None, x.shape[1]), "mask": (None, None)})
    model.compile(az.optimizers.Adam(0.001))
    source = az.datasets.Bags.from_lists([x], [1])
    del x
    loop = Loop(model, steps_per_call=1)
    iterator = iter(source.endless(1))
    return lambda: (loop.run(iterator, 1), model.get_metrics_result())


def torch_step(x, _, dtype):
    """A step of torchmil's ABMIL; the bag is there before."""
    import torch
    from torchmil.models import ABMIL

    sizes, layers = (x.shape[1], *UNITS), []
    for n, m in zip(sizes, sizes[1:]):
        layers += [torch.nn.Linear(n, m), torch.nn.ReLU(), torch.nn.Dropout(0.5)]
    model = ABMIL((sizes[0],), att_dim=64, gated=True, feat_ext=torch.nn.Sequential(*layers))
    optimizer = torch.optim.Adam(model.parameters(), 0.001)
    bag, y = torch.from_numpy(x)[None], torch.ones(1)
    mask = torch.ones(1, len(x), dtype=torch.bool)

    def step():
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == "bfloat16"):
            logit = model(bag, mask)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logit.float(), y)
        loss.backward()
        optimizer.step()
        return float(loss)

    return step


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--instances", default="100000")
    parser.add_argument("--features", type=int, default=1024)
    parser.add_argument("--dtypes", default="float32,bfloat16")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20.0, help="of steps, in each process")
    parser.add_argument("--torch_python", default="", help="a Python with torch and torchmil")
    parser.add_argument("--case", default="", help="of one process: used by the program itself")
    return parser


if __name__ == "__main__":
    main(_parser().parse_args())
