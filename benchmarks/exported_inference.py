r"""Times exported models: this package's SavedModel against the same networks in PyTorch and ONNX.

    pip install -e ".[benchmarks]"
    python benchmarks/exported_inference.py --json=exported_inference.json

The paper's CIFAR-10 networks predict by argmax: the focus network scores every segment, the
classifier reads the chosen one. Scaled pixels (b, m, 32, 32, 3) go in; class probabilities come
out, and must be the same to 1e-5 (2e-2 where products are in bfloat16). Each contestant is a
process of its own; they take turns in rounds, see contestants.py.
"""

import argparse
import json
import statistics
from pathlib import Path

from contestants import (
    MALLOC,
    Worker,
    add_arguments,
    bfloat16,
    machine,
    serve,
    take_turns,
)
from exported_inference_task import Task

CONTESTANTS = {
    "ours": ("exported_inference_tensorflow", "Ours"),
    "ours_bfloat16": ("exported_inference_tensorflow", "OursBfloat16"),
    "torch": ("exported_inference_torch", "Torch"),
    "torch_compiled": ("exported_inference_torch", "TorchCompiled"),
    "torch_bfloat16": ("exported_inference_torch", "TorchBfloat16"),
    "torch_compiled_bfloat16": ("exported_inference_torch", "TorchCompiledBfloat16"),
    "onnx": ("exported_inference_onnx", "OnnxRuntime"),
}
BFLOAT16 = bfloat16(CONTESTANTS)


def main():
    args = _parser().parse_args()
    if args.worker:
        serve(CONTESTANTS[args.worker], Task, args.threads)
        return
    results = []
    for m in args.segments:
        for b in args.batch_size:
            results.append(compare(args, {"num_segments": m, "batch_size": b}))
            _print_case(results[-1])
            if args.json:
                report = {"machine": machine(args.threads), "results": results}
                Path(args.json).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def compare(args, setting):
    """One case: all contestants checked against each other, warmed up and timed in turn."""
    workers = {n: Worker(__file__, n, args.malloc, args.threads) for n in args.contestants}
    try:
        for worker in workers.values():
            worker.ask(make=setting)
        found = {name: worker.ask(losses=1)[0] for name, worker in workers.items()}
        _check(found)
        for worker in workers.values():
            worker.ask(steps=args.warm_up)
        turns = take_turns(workers, args.rounds, args.steps, args.patience)
    finally:
        for worker in workers.values():
            worker.close()
    times = {name: [time for _, time in rounds] for name, rounds in turns.items()}
    others = {name: max(share for share, _ in rounds) for name, rounds in turns.items()}
    return setting | {"milliseconds": times, "largest_share_of_others": others}


def _check(found):
    """Raises where the first example's probabilities differ from those of the first contestant."""
    first = next(iter(found.values()))
    for name, probabilities in found.items():
        tolerance = 2e-2 if name in BFLOAT16 else 1e-5
        apart = max(abs(a - b) for a, b in zip(probabilities, first, strict=True))
        if not apart <= tolerance:
            raise SystemExit(f"probabilities of {name} are off by {apart}: {found}")


def _print_case(case):
    print(f"\nm = {case['num_segments']}, batch {case['batch_size']}")
    for name, times in case["milliseconds"].items():
        low, median, high = statistics.quantiles(times, n=4, method="inclusive")
        per_second = 1000 * case["batch_size"] / median
        print(
            f"{name:25}{median:9.2f} ms ({low:.2f}–{high:.2f}) {per_second:8.0f} examples/s",
            flush=True,
        )


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--segments", nargs="+", type=int, default=[5, 50], help="m.")
    parser.add_argument("--batch_size", nargs="+", type=int, default=[1, 64], help="Examples.")
    parser.add_argument("--malloc", choices=MALLOC, default="raised")
    add_arguments(parser, CONTESTANTS, rounds=9, steps=10, warm_up=5)
    return parser


if __name__ == "__main__":
    main()
