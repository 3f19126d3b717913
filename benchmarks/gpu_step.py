r"""Times a FocusClassifier's training step under JAX beside PyTorch, on one GPU in one run.

    bash benchmarks/gpu/run.sh
    python benchmarks/gpu_step.py --minutes=8 --json=gpu_step.json

Needs JAX, PyTorch, NumPy and Keras, no TensorFlow and no data set: base images are random. All take
the same work: from rows of indices into base images kept on the device as uint8 to new weights, on
the paper's CIFAR-10 networks, SGD with momentum.

First losses and gradients of either framework in every format are compared with those of JAX on
the CPU in float32. Then contestants take turns, each in its framework's own process: a round is
some steps and a wait for the device, the figure the median over rounds. Cases come in the order of
weight; those for which the time is too short are listed at the end as not run.

    jax             the compiled step of `FocusClassifier` with `GatherSegments`
    jax_scan        eight of them in one call
    fit             the same by `model.fit` on row numbers
    torch           channels_last, pool before ReLU, as it comes
    torch_graph     the same in a CUDA graph
    torch_compiled  the same through torch.compile

It has never run on a GPU; on a CPU it runs to its end (tests/test_gpu_step.py).
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
FRAMEWORK = {"jax": "jax", "jax_scan": "jax", "fit": "jax"} | dict.fromkeys(
    ("torch", "torch_graph", "torch_compiled"), "torch"
)
BOUND = {"float32": 1e-3, "tf32": 5e-2, "bfloat16": 3e-1}  # of ||g - g'|| / ||g'||
FEW = ("jax", "torch_graph")


def main():
    args = _parser().parse_args()
    if args.worker:
        serve(args.worker)
        return
    end = time.monotonic() + 60 * args.minutes
    with tempfile.TemporaryDirectory() as folder:
        workers = {name: Worker(name, args.device) for name in ("reference", "jax", "torch")}
        try:
            report = {"devices": {name: w.ask(device=True) for name, w in workers.items()}}
            print(json.dumps(report["devices"]))
            report["checks"] = [*_checks(workers, args, Path(folder))]
            workers.pop("reference").close()
            report |= _timings(workers, args, end)
        finally:
            for worker in workers.values():
                worker.close()
    if args.json:
        Path(args.json).write_text(json.dumps(report, indent=2) + "\n")


def _checks(workers, args, folder):
    """Differences from JAX on the CPU in float32, relative; raises where one is too large."""
    b, m = min(16, args.batch_size[0]), min(5, args.segments[0])
    for attention in args.attention:
        case = _case(args, None, attention, m, b)
        del case["dtype"]
        true = _first_step(workers["reference"], case, "jax", "float32", folder)
        for name, dtype in itertools.product(("jax", "torch"), args.dtype):
            found = _first_step(workers[name], case, name, dtype, folder)
            error = max(_distance(found[one], true[one]) for one in true)
            print(f"{attention:5} {name:6}{dtype:9} gradients within {error:.1e} of the CPU's")
            if not error <= BOUND[dtype]:  # nor NaN
                raise SystemExit(f"expected {BOUND[dtype]} or less")
            yield case | {"contestant": name, "dtype": dtype, "error": error}


def _first_step(worker, case, contestant, dtype, folder):
    """The loss of the first step and the change of every weight, arrays by name."""
    path = folder / "first_step.npz"
    worker.ask(make=case, contestant=contestant, dtype=dtype)
    worker.ask(first_step=str(path))
    with np.load(path) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _distance(x, y):
    return float(np.linalg.norm(x - y) / max(np.linalg.norm(y), 1e-12))


def _timings(workers, args, end):
    results, left = [], []
    for case, contestants in _cases(args):
        here = [name for name in contestants if name in args.contestants]
        longest = max((row["seconds"] for row in results), default=0.0)
        if time.monotonic() + longest > end:
            left.append(case)
            continue
        results.append(_compared(workers, args, case, here))
        _print_case(results[-1])
    print(f"\nnot run, for want of time: {len(left)} cases", *left, sep="\n")
    return {"results": results, "not_run": left}


def _cases(args):
    """(case, contestants), the most telling first."""
    b, m = args.batch_size[0], args.segments[0]
    full = [(d, a) for d in args.dtype for a in args.attention]
    for dtype, attention in full[:2]:
        yield _case(args, dtype, attention, m, b), list(FRAMEWORK)
    for dtype, attention in full[2:]:
        yield _case(args, dtype, attention, m, b), [*FEW, "torch"]
    for more, dtype, attention in itertools.product(args.segments[1:], args.dtype, args.attention):
        yield _case(args, dtype, attention, more, b), FEW
    for large, attention in itertools.product(args.batch_size[1:], args.attention):
        yield _case(args, args.dtype[0], attention, m, large), FEW


def _case(args, dtype, attention, m, b):
    return {
        "dtype": dtype,
        "attention": attention,
        "num_segments": m,
        "batch_size": b,
        "num_images": args.num_images,
    }


def _compared(workers, args, case, contestants):
    begin, rows, errors = time.monotonic(), {}, {}
    task = {name: value for name, value in case.items() if name != "dtype"}
    for name in contestants:
        worker = workers[FRAMEWORK[name]]
        try:
            worker.ask(make=task, contestant=name, dtype=case["dtype"])
            worker.ask(steps=args.warm_up)
            rows[name] = []
        except WorkerError as error:  # no CUDA graph on a CPU, no memory for a large batch
            errors[name] = str(error)
    for i in range(args.rounds):
        order = list(rows)
        for name in order[i % len(order) :] + order[: i % len(order)]:
            seconds = workers[FRAMEWORK[name]].ask(contestant=name, steps=args.steps)
            rows[name].append(1000 * seconds / args.steps)
    for worker in workers.values():
        worker.ask(forget=True)
    medians = {name: statistics.median(times) for name, times in rows.items()}
    seconds = time.monotonic() - begin
    return case | {"ms": medians, "rounds": rows, "errors": errors, "seconds": seconds}


class WorkerError(Exception):
    """What a worker could not do, in a line."""


class Worker:
    """A framework in a process of its own that works only when asked."""

    def __init__(self, name, device):
        environment = os.environ | {
            "KERAS_BACKEND": "torch" if name == "torch" else "jax",
            "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        }
        if name == "reference" or device == "cpu":
            environment |= {"JAX_PLATFORMS": "cpu", "CUDA_VISIBLE_DEVICES": ""}
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--worker", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def ask(self, **question):
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"a worker died with {self.process.wait()}")
        answer = json.loads(line)
        if isinstance(answer, dict) and "error" in answer:
            raise WorkerError(answer["error"])
        return answer

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def serve(name):
    """Answers questions until there are no more."""
    answers, sys.stdout = os.fdopen(os.dup(1), "w"), sys.stderr
    os.dup2(2, 1)  # what libraries print must not be taken for an answer
    sys.path.insert(0, str(Path(__file__).resolve().parent / "gpu"))
    module = __import__("torch_steps" if name == "torch" else "jax_steps")
    made = {}
    for line in sys.stdin:
        try:
            answer = _answer(module, made, json.loads(line))
        except Exception as error:  # told to the one who asked
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0][:200]}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _answer(module, made, question):
    from train_step_task import Task

    name = question.get("contestant")
    if "make" in question:
        made.pop(name, None)
        made[name] = module.CONTESTANTS[name](Task(**question["make"]), question["dtype"])
        made["last"] = made[name]
    elif "first_step" in question:
        np.savez(question["first_step"], **made["last"].first_step())
    elif "steps" in question:
        begin = time.perf_counter()
        made.get(name, made.get("last")).steps(question["steps"])
        return time.perf_counter() - begin
    elif "device" in question:
        return module.device()
    elif "forget" in question:
        made.clear()
    return None


def _print_case(case):
    print(
        f"\n{case['attention']}, {case['dtype']}, m = {case['num_segments']}, batch "
        f"{case['batch_size']} ({case['seconds']:.0f} s)"
    )
    ours, rivals = (
        {k: v for k, v in case["ms"].items() if (FRAMEWORK[k] == kind)} for kind in ("jax", "torch")
    )
    for name, milliseconds in case["ms"].items():
        print(f"  {name:16}{milliseconds:9.2f} ms a step")
    for name, error in case["errors"].items():
        print(f"  {name:16} {error}")
    if ours and rivals:
        print(f"  best JAX to best PyTorch {min(ours.values()) / min(rivals.values()):.2f}")
    sys.stdout.flush()


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--attention", nargs="+", default=["lvml", "soft", "hard"])
    parser.add_argument(
        "--dtype", nargs="+", choices=BOUND, default=["bfloat16", "tf32", "float32"]
    )
    parser.add_argument("--segments", nargs="+", type=int, default=[5, 20, 100], help="m.")
    parser.add_argument("--batch_size", nargs="+", type=int, default=[256, 1024, 4096])
    parser.add_argument("--contestants", nargs="+", choices=FRAMEWORK, default=list(FRAMEWORK))
    parser.add_argument("--num_images", type=int, default=10_000, help="Base images.")
    parser.add_argument("--rounds", type=int, default=7, help="Turns of each contestant.")
    parser.add_argument("--steps", type=int, default=24, help="Steps in a turn.")
    parser.add_argument("--warm_up", type=int, default=8, help="Steps before the first round.")
    parser.add_argument("--minutes", type=float, default=8.0, help="After which none is begun.")
    parser.add_argument("--device", choices=("gpu", "cpu"), default="gpu")
    parser.add_argument("--json", help="File to write the figures to.")
    parser.add_argument("--worker", help="For itself.")
    return parser


if __name__ == "__main__":
    main()
