"""Contestants of a benchmark, each a process of its own that works only when asked.

A benchmark's script starts itself with `--worker NAME`; `serve` then answers the questions that a
`Worker` asks, a line of JSON each. So that one contestant's threads and memory do not disturb
another's, they take turns.
"""

import importlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

MALLOC = {
    "default": {},
    "raised": {
        "MALLOC_MMAP_MAX_": "0",
        "MALLOC_TRIM_THRESHOLD_": "1000000000000",
        "MALLOC_TOP_PAD_": "268435456",
    },
}
DISTURBED = 0.05  # share of the machine that other programs take


class Worker:
    """A contestant.

    Args:
        script: the benchmark's own file.
        name: of the contestant.
        malloc: of MALLOC.
        threads: for the contestant.
        checkout: of the repository whose package and benchmark are taken; None is this one.
    """

    def __init__(self, script, name, malloc, threads, checkout=None):
        if checkout is not None:
            script = Path(checkout, "benchmarks", Path(script).name)
        command = [sys.executable, str(script), "--worker", name, "--threads", str(threads)]
        environment = os.environ | MALLOC[malloc] | {"TF_CPP_MIN_LOG_LEVEL": "3"}
        environment |= {"OMP_NUM_THREADS": str(threads), "CUDA_VISIBLE_DEVICES": "-1"}
        if checkout is not None:
            environment["PYTHONPATH"] = str(checkout)
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def ask(self, **question):
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"{self.process.args} died with {self.process.wait()}")
        return json.loads(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def take_turns(workers, rounds, steps, patience):
    """Rounds in which each works alone, in an order that changes.

    Args:
        workers: `Worker` by name.
        rounds: how many.
        steps: timed steps in a turn.
        patience: how often a turn is repeated while other programs disturb it, and how many seconds
            to wait for quiet.

    Returns:
        By name, a list of (share of the machine that others took, median milliseconds a step).
    """
    turns = {name: [] for name in workers}
    for i in range(rounds):
        order = list(workers)
        for name in order[i % len(order) :] + order[: i % len(order)]:
            turns[name].append(_turn(workers[name], steps, patience))
    return turns


def _turn(worker, steps, patience):
    """An undisturbed turn, or the least so."""
    turns = []
    for _ in range(1 + patience):
        _wait_for_quiet(patience)
        busy, begin = _busy_seconds(), time.perf_counter()
        own, *seconds = worker.ask(steps=steps + 1)  # the first step finds cold caches
        others = _share(_busy_seconds() - busy - own, time.perf_counter() - begin)
        turns.append((others, 1000 * statistics.median(seconds[1:])))
        if others < DISTURBED:
            break
    return min(turns)


def _wait_for_quiet(patience):
    """Returns when other programs leave the machine alone, or after `patience` seconds."""
    for _ in range(2 * patience):
        busy, begin = _busy_seconds(), time.perf_counter()
        time.sleep(0.5)
        if _share(_busy_seconds() - busy, time.perf_counter() - begin) < DISTURBED:
            return


def _share(busy, wall):
    return busy / (wall * os.cpu_count())


def _busy_seconds():
    """CPU seconds that all programs took since the machine started (Linux; elsewhere 0)."""
    if not Path("/proc/stat").exists():
        return 0.0
    user, nice, system, _, _, interrupt, soft, stolen = map(
        int, Path("/proc/stat").read_text().split()[1:9]
    )
    return (user + nice + system + interrupt + soft + stolen) / os.sysconf("SC_CLK_TCK")


def bfloat16(contestants):
    """The names of those whose products are in bfloat16."""
    return {name for name in contestants if name.endswith("_bfloat16")}


def add_arguments(parser, contestants, rounds, steps, warm_up):
    """The arguments that such benchmarks share, with these defaults."""
    parser.add_argument("--contestants", nargs="+", choices=contestants, default=list(contestants))
    parser.add_argument("--rounds", type=int, default=rounds, help="Turns of each contestant.")
    parser.add_argument("--steps", type=int, default=steps, help="Timed steps in a turn.")
    parser.add_argument(
        "--warm_up", type=int, default=warm_up, help="Steps before the first round."
    )
    parser.add_argument("--patience", type=int, default=20, help="For quiet: repetitions, seconds.")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="Of each contestant.")
    parser.add_argument("--json", help="File to write the figures to.")
    parser.add_argument("--worker", choices=contestants, help="For itself.")


def serve(contestant, task, threads):
    """Answers a `Worker`'s questions until there are no more.

    Args:
        contestant: (module, class) by name. The class is made of a task and has `step(i)`, whose
            result `losses` asks for; the module may have `matrix_product(bfloat16)`.
        task: class of the task, made of the keywords of `make`.
        threads: for the contestant.
    """
    module_name, class_name = contestant
    module = importlib.import_module(module_name)
    cls = getattr(module, class_name)
    answers, sys.stdout = os.fdopen(os.dup(1), "w"), sys.stderr
    os.dup2(2, 1)  # what libraries print must not be taken for an answer
    _set_threads(module, threads)
    contestant, taken = None, 0
    for line in sys.stdin:
        question = json.loads(line)
        if "peak" in question:
            in_bfloat16 = question.get("bfloat16", False)
            answer = _matrix_product_speed(module, question["peak"], in_bfloat16)
        elif "make" in question:
            contestant, answer = cls(task(**question["make"])), None
        elif "memory" in question:
            answer = _peak_memory()
        else:
            count, begin = question.get("losses") or question["steps"], time.process_time()
            done = [_timed(contestant.step, taken + i) for i in range(count)]
            taken += count
            seconds, results = map(list, zip(*done))
            own = time.process_time() - begin
            answer = results if "losses" in question else [own, *seconds]
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _set_threads(module, threads):
    if hasattr(module, "torch"):
        module.torch.set_num_threads(threads)
    else:
        module.tf.config.threading.set_intra_op_parallelism_threads(threads)


def _timed(function, *args):
    """(Seconds, result)."""
    begin = time.perf_counter()
    result = function(*args)
    return time.perf_counter() - begin, result


def _matrix_product_speed(module, n, in_bfloat16):
    """GFLOP/s of an n×n product in float32 or bfloat16, the best of twenty."""
    product, constant = module.matrix_product(in_bfloat16)
    a = constant(np.random.default_rng(0).standard_normal((n, n)).astype("float32"))
    return 2e-9 * n**3 / min(_timed(product, a, a)[0] for _ in range(20))


def _peak_memory():
    """Peak resident memory of this process in MiB, as Linux counts it."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def machine(threads, packages=("tensorflow", "keras", "torch", "numpy")):
    """What the figures depend on."""
    from importlib.metadata import version

    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "")
    return {
        "cpu": cpu or platform.processor(),
        "cores": os.cpu_count(),
        "threads": threads,
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }
