r"""Times the train step of this package, of Keras with stock layers and of PyTorch.

    pip install -e ".[benchmarks]"
    python benchmarks/train_step.py --json=train_step.json

All contestants take the same work: from rows of indices into base images kept as uint8 to new
weights, on the paper's CIFAR-10 networks, batch 256, SGD with momentum. Each is a process of its
own, kept alive; in a round each takes its turn alone, in an order that changes. First they must
give the same losses from the same weights over three steps. The time of a round is the median of
its steps; the table has medians and quartiles over rounds, and the median of the ratios within
rounds to the fastest PyTorch of the same precision. All under malloc as it comes, and with its
thresholds raised. A turn during which other programs took more than 5 % of the machine is repeated,
at most --patience times.

Contestants named ..._bfloat16 multiply in bfloat16: ours by `mixed_precision="bfloat16"`, PyTorch
by autocast. Weights, scores and losses are float32 in all.

--before=CHECKOUT adds this package as it was, from another checkout of the repository.

GFLOP/s are those of the convolutions and matrix products that the step needs, whatever is
computed; beside them stands the machine's matrix product of that precision in the same run.
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
from train_step_task import Task, step_flops

CONTESTANTS = {
    "ours": ("train_step_tensorflow", "Ours"),
    "ours_xla": ("train_step_tensorflow", "OursXLA"),
    "keras": ("train_step_tensorflow", "StockKeras"),
    "ours_bfloat16": ("train_step_tensorflow", "OursBfloat16"),
    "torch": ("train_step_torch", "Torch"),
    "torch_channels_last": ("train_step_torch", "TorchChannelsLast"),
    "torch_compiled": ("train_step_torch", "TorchCompiled"),
    "torch_bfloat16": ("train_step_torch", "TorchBfloat16"),
    "torch_compiled_bfloat16": ("train_step_torch", "TorchCompiledBfloat16"),
}
BFLOAT16 = bfloat16(CONTESTANTS)
# By how much losses may differ: to 1e-5 in the first step, a little less after updates. A product
# in bfloat16 has 8 bits: losses near 1.1 are off by a few of their 2**-8.
TOLERANCES = (1e-5, 1e-4, 1e-3)
BFLOAT16_TOLERANCES = (2**-6, 2**-6, 2**-5)


def main():
    args = _parser().parse_args()
    if args.worker:
        serve(CONTESTANTS[args.worker], Task, args.threads)
        return
    results = []
    for m in args.segments:
        for malloc in args.malloc:
            for attention in args.attention:
                results.append(compare(args, malloc, m, attention))
                _print_case(results[-1])
                if args.json:
                    report = {"machine": machine(args.threads), "results": results}
                    Path(args.json).write_text(json.dumps(report, indent=2) + "\n")


def compare(args, malloc, m, attention):
    """One case: all contestants checked against each other, warmed up and timed in turn."""
    setting = {"attention": attention, "num_segments": m, "batch_size": args.batch_size}
    workers = {name: Worker(__file__, name, malloc, args.threads) for name in args.contestants}
    for i, checkout in enumerate(args.before):
        workers[f"before_{i + 1}"] = Worker(__file__, "ours", malloc, args.threads, checkout)
    try:
        peak = {name: w.ask(peak=2048, bfloat16=name in BFLOAT16) for name, w in workers.items()}
        for worker in workers.values():
            worker.ask(make=setting)
        losses = {name: w.ask(losses=len(TOLERANCES)) for name, w in workers.items()}
        _check_losses(losses)
        for worker in workers.values():
            worker.ask(steps=args.warm_up)
        turns = take_turns(workers, args.rounds, args.steps, args.patience)
        memory = {name: worker.ask(memory=True) for name, worker in workers.items()}
    finally:
        for worker in workers.values():
            worker.close()
    return _summary(setting | {"malloc": malloc}, turns, losses, peak, memory)


def _summary(setting, turns, losses, peak, memory):
    others = {name: max(share for share, _ in rounds) for name, rounds in turns.items()}
    rounds = {name: [time for _, time in rounds] for name, rounds in turns.items()}
    medians = {name: statistics.median(times) for name, times in rounds.items()}
    best = {name: _rival(name, medians) for name in rounds}
    gflop = step_flops(setting) / 1e9
    rows = {}
    for name, times in rounds.items():
        low, median, high = statistics.quantiles(times, n=4, method="inclusive")
        ratios = [a / b for a, b in zip(times, rounds[best[name]])]
        rows[name] = {
            "milliseconds": {"quartiles": [low, median, high], "rounds": times},
            "rival": best[name],
            "ratio_to_best_torch": statistics.quantiles(ratios, n=4, method="inclusive"),
            "largest_share_of_others": others[name],
            "gflop_per_second": 1000 * gflop / median,
            "matrix_product_gflop_per_second": peak[name],
            "peak_mib": memory[name],
            "first_losses": losses[name],
        }
    return setting | {"gflop": gflop, "contestants": rows}


def _rival(name, medians):
    """The fastest PyTorch of the same precision; the fastest of all where there is none."""
    alike = [other for other in medians if (other in BFLOAT16) == (name in BFLOAT16)]
    rivals = [other for other in alike if other.startswith("torch")]
    return min(rivals or medians, key=medians.get)


def _check_losses(losses):
    """Raises unless all agree with the first contestant in float32."""
    exact = next((given for name, given in losses.items() if name not in BFLOAT16), None)
    for name, given in losses.items():
        tolerances = BFLOAT16_TOLERANCES if name in BFLOAT16 else TOLERANCES
        for step, (loss, true) in enumerate(zip(given, exact or given, strict=True)):
            if not abs(loss - true) <= tolerances[step]:  # nor NaN
                raise SystemExit(
                    f"loss of {name} in step {step} is {loss}, expected {true} to "
                    f"{tolerances[step]:.1g}: {losses}"
                )


def _print_case(case):
    print(
        f"\n{case['attention']}, m = {case['num_segments']}, batch {case['batch_size']}, malloc "
        f"{case['malloc']}, {case['gflop']:.1f} GFLOP a step"
    )
    print(f"{'':25}{'ms':>8}  {'quartiles':^15}{'ratio':>7}  {'quartiles':^13}", end="")
    print(f"{'GFLOP/s':>9}{'peak':>6}{'MiB':>7}")
    for name, row in case["contestants"].items():
        low, median, high = row["milliseconds"]["quartiles"]
        least, ratio, most = row["ratio_to_best_torch"]
        print(
            f"{name:25}{median:8.0f}  {low:7.0f} {high:7.0f}{ratio:7.2f}  {least:6.2f} {most:6.2f}"
            f"{row['gflop_per_second']:9.0f}{row['matrix_product_gflop_per_second']:6.0f}"
            f"{row['peak_mib']:7.0f}",
            flush=True,
        )


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--attention", nargs="+", default=["soft", "hard", "lvml"])
    parser.add_argument("--segments", nargs="+", type=int, default=[5, 10], help="m.")
    parser.add_argument("--malloc", nargs="+", choices=MALLOC, default=list(MALLOC))
    parser.add_argument("--before", nargs="*", default=[], help="Other checkouts, see above.")
    parser.add_argument("--batch_size", type=int, default=256, help="Mosaics a step.")
    add_arguments(parser, CONTESTANTS, rounds=9, steps=3, warm_up=3)
    return parser


if __name__ == "__main__":
    main()
