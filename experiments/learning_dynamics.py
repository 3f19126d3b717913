r"""Draws the figures of docs/learning_dynamics.md.

    python -m experiments.learning_dynamics --data_dir=tensorflow_datasets --docs=docs

Trains linear networks against the closed form (half a minute), and classification networks of
CIFAR-10 under a focus that is held (two runs: about 25 and 10 min on 2 cores, by the time of their
steps); the rest is theory. A CIFAR-10 run that was broken off goes on when the same command is
given again.
"""

import argparse
import functools
from pathlib import Path

import numpy as np

from attention_zoo import dynamics, plots
from experiments import fixed_focus, gradient_flow

SEGMENTS = (2, 5, 10, 20, 50, 100, 1000)
CLASSES = (2, 3, 5, 10, 20, 50, 1000)
ALPHAS = (0.2, 0.4, 0.6, 0.8, 1.0)


def main():
    """Draws the figures."""
    args = _parser().parse_args()
    folder, docs = Path(args.folder), Path(args.docs)
    docs.mkdir(parents=True, exist_ok=True)
    switch_map().savefig(docs / "switch_map.png")
    theory_of_held_focus().savefig(docs / "held_focus_theory.png")
    gradient_flow.train_and_evaluate(folder / "gradient_flow", jit_compile="true")
    _copy(folder / "gradient_flow" / "phase_portrait.png", docs / "phase_portrait.png")
    run = functools.partial(
        fixed_focus.train_and_evaluate, dataset="sdc/cifar10", data_dir=args.data_dir
    )
    run(folder / "fixed_focus")
    _copy(folder / "fixed_focus" / "fixed_focus.png", docs / "held_focus.png")
    run(folder / "fixed_focus_soft", attention="soft", learning_rate=0.02, epochs=60)
    _copy(folder / "fixed_focus_soft" / "fixed_focus.png", docs / "held_focus_soft.png")


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", help="folder of tensorflow_datasets")
    parser.add_argument("--folder", default="runs/learning_dynamics", help="folder of the runs")
    parser.add_argument("--docs", default="docs", help="folder of the figures")
    return parser


def switch_map():
    """When a hybrid of soft and hard should switch to have a = 0.9 and mu = 3 first."""
    m, c = np.array(SEGMENTS)[:, None], np.array(CLASSES)
    switch = dynamics.best_switch(attention=0.9, mu=3.0, num_segments=m, num_classes=c)
    return plots.switch_map(switch, num_segments=SEGMENTS, num_classes=CLASSES)


def theory_of_held_focus(num_classes=3, end=200.0):
    """The drive -dL/da of a linear classifier that learns under a held focus."""
    times = np.linspace(0.0, end, 400)
    columns: dict[str, list] = {"time": [], "attention": [], "alpha": [], "derivative": []}
    for paradigm in ("soft", "hard", "lvml"):
        for alpha in ALPHAS:
            setting = {"attention": alpha, "num_classes": num_classes}
            mu = dynamics.fixed_focus(paradigm, times=times, **setting)
            columns["derivative"] += list(dynamics.drive(paradigm, mu=mu, **setting))
            columns["time"] += list(times)
            columns["attention"] += [paradigm] * len(times)
            columns["alpha"] += [alpha] * len(times)
    return plots.fixed_focus(columns, figure="derivative", along="time")


def _copy(source, target):
    target.write_bytes(source.read_bytes())


if __name__ == "__main__":
    main()
