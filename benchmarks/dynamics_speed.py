r"""Times closed-form trajectories against the explicit Euler loop.

    python benchmarks/dynamics_speed.py --json=dynamics_speed.json

The setting is the largest of the paper: m = 100, C = 1000, time 4e5, which takes 40 million
explicit Euler steps of 0.01 in a Python loop. `dynamics.trajectory` gives the trajectory at 1,000
times, everything included. Of the loop 1/100 is run (400,000 steps, to time 4e3) and its time is
multiplied by 100: every step costs the same. It is run twice: on Python's floats with `math`, as
lean as such a loop gets, and on NumPy's scalars with `numpy`. Contestants take turns; medians
of the process's CPU time, which is one thread's.

Measured on an AMD EPYC: all three trajectories in 1.1 ms; the loops in 31 s with `math`, 28,000
times as long, and in 110 s with NumPy's scalars, 99,000 times as long.
"""

import argparse
import json
import math
import statistics
import time
from pathlib import Path

import numpy as np

from attention_zoo import dynamics

M, C, END, STEP, POINTS = 100, 1000, 4e5, 0.01, 1_000
SHARE = 100  # the loop is run for 1/100 of its steps


def main():
    args = _parser().parse_args()
    rows = [measure(paradigm, args.rounds) for paradigm in ("soft", "hard", "lvml")]
    names = [name for name in rows[0] if name != "paradigm"]
    rows.append({"paradigm": "all three"} | {name: sum(r[name] for r in rows) for name in names})
    for row in rows:
        for loop in ("math", "numpy"):
            row[f"{loop}_ratio"] = row[f"{loop}_loop_seconds"] / row["trajectory_seconds"]
    print_table(rows)
    if args.json:
        Path(args.json).write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def measure(paradigm, rounds):
    """Median seconds of a trajectory and, scaled up, of the two loops, which take turns."""
    seconds = {"trajectory_seconds": [], "math_loop_seconds": [], "numpy_loop_seconds": []}
    for _ in range(rounds):
        seconds["trajectory_seconds"] += _seconds_of_trajectories(paradigm)
        for name, library in (("math", math), ("numpy", np)):
            begin = time.process_time()
            end = euler(paradigm, library, round(END / STEP) // SHARE)
            seconds[f"{name}_loop_seconds"].append(SHARE * (time.process_time() - begin))
            _check(paradigm, end)
    return {"paradigm": paradigm} | {name: statistics.median(s) for name, s in seconds.items()}


def _seconds_of_trajectories(paradigm, calls=50):
    times, seconds = np.linspace(0, END, POINTS), []
    for _ in range(calls):
        begin = time.process_time()
        dynamics.trajectory(paradigm, num_segments=M, num_classes=C, times=times)
        seconds.append(time.process_time() - begin)
    return seconds


def _check(paradigm, end):
    """Both ways must come to the same point."""
    exact = dynamics.trajectory(paradigm, num_segments=M, num_classes=C, times=END / SHARE)
    np.testing.assert_allclose(end, (exact.mu, exact.nu), rtol=1e-3)


def euler(paradigm, library, steps):
    """(mu, nu) after explicit Euler steps from (0, 0), on the scalars of `math` or `numpy`."""
    exp, log, k = library.exp, library.log, C - 1
    mu = nu = 0.0 if library is math else np.float64(0.0)
    for _ in range(steps):
        e = exp(nu)
        a = e / (e + M - 1)
        if paradigm == "soft":
            d = exp(a * mu) + k
            mu_rate, nu_rate = a / d, a * (1 - a) * k * mu / (C * d)
        elif paradigm == "hard":
            e = exp(mu)
            mu_rate, nu_rate = a / (e + k), a * (1 - a) * log(C * e / (e + k)) / C
        else:
            e = exp(mu)
            b = e / (e + k)
            z = a * b + (1 - a) / C
            mu_rate, nu_rate = a * b / (z * (e + k)), a * (b / z - 1) / C
        mu, nu = mu + STEP * mu_rate, nu + STEP * nu_rate
    return mu, nu


def print_table(rows):
    """Prints Markdown."""
    print(f"m = {M}, C = {C}, time {END:g}; loops: 1/{SHARE} of the steps run, time scaled up\n")
    print("| | trajectory, ms | loop with math, s | ratio | loop with NumPy scalars, s | ratio |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['paradigm']} | {1000 * row['trajectory_seconds']:.2f} "
            f"| {row['math_loop_seconds']:.1f} | {row['math_ratio']:.1e} "
            f"| {row['numpy_loop_seconds']:.0f} | {row['numpy_ratio']:.1e} |"
        )


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="Turns of each contestant.")
    parser.add_argument("--json", help="File to write the figures to.")
    return parser


if __name__ == "__main__":
    main()
