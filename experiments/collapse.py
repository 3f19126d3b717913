r"""Attention that collapses: what happens at every step, and what prevents it.

    python -m experiments.collapse --cures=none --seeds=0
    python -m experiments.collapse --cures=none,focus_rate,sgd --seeds=0,1,2 --folder=runs/collapse

CIFAR-10 mosaics by the paper's protocol (test mosaics of training images), m = 10, the paper's
networks, LVML, Adam 1e-3, batch 64, 6,000 mosaics, 3 epochs: attention becomes one-hot while the
loss stays at ln 3. Each cure changes one thing. In the folder: steps.csv has a row every few steps,
measured on the batch of that step before its update; runs.json the figures on 2,000 test mosaics
after each run. A run that is in runs.json is not made again; a folder is of one --num_examples,
--epochs and --every. Prints the table of runs.json; --plot draws what happened in the steps of some
runs with seed 0.

Columns of steps.csv besides loss, entropy (nats), FT and accuracy of the batch:

- focus_gradient, classifier_gradient: norms of the gradient of each network;
- gradient_cosine: between the focus network's gradient and that of the step before: 0 is noise;
- focus_step: root mean square of the change of the focus network's weights;
- score_max: largest |score|; score_range: largest less smallest score of a mosaic, mean;
- features: root mean square of what the focus network's last layer reads; alive: share of its
  inputs that are above 0 for some segment of the batch; last_kernel: norm of its kernel.

docs/collapse.md has the results.
"""

import argparse
import csv
import dataclasses
import functools
import json
import sys
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from absl import logging

from attention_zoo import datasets
from attention_zoo.evaluation import evaluate
from attention_zoo.optimizers import Adam, PartitionedOptimizer
from attention_zoo.plots.compared_curves import line_style
from attention_zoo.tasks import MosaicsTask
from attention_zoo.training.run import build_model
from experiments.collapse_steps import compiled

_SETTINGS = ("num_examples", "epochs", "every")  # of a row of runs.json, the same in all of them
_FIGURES = ("focus_accuracy", "entropy", "argmax_accuracy", "marginal_accuracy")


@dataclasses.dataclass(frozen=True)
class Cure:
    """What a run has otherwise than the fault.

    Attributes:
        settings: of the trainer, by name.
        warm_up: steps in which the focus network's rate rises from 0.
        entropy_bonus: share of the entropy of attention that is taken off the loss.
        temperature: scores are divided by it.
        last_scale: factor of the focus network's last kernel at the start.
        epsilon: of Adam, for the focus network.
        noise: labels are drawn anew, so that there is nothing to learn.
    """

    settings: dict = dataclasses.field(default_factory=dict)
    warm_up: int = 0
    entropy_bonus: float = 0.0
    temperature: float = 1.0
    last_scale: float = 1.0
    epsilon: float | None = None
    noise: bool = False


CURES = {
    "none": Cure(),
    "random_labels": Cure(noise=True),
    "soft": Cure({"attention": "soft"}),
    "hard": Cure({"attention": "hard"}),
    "rate": Cure({"learning_rate": 1e-4}),
    "focus_rate": Cure({"learning_rate": 1e-4, "classifier_learning_rate": 1e-3}),
    "classifier_rate": Cure({"learning_rate": 1e-3, "classifier_learning_rate": 1e-4}),
    "warm_up": Cure(warm_up=93),
    "entropy_bonus": Cure(entropy_bonus=0.1),
    "temperature": Cure(temperature=10.0),
    "clip_norm": Cure({"clip_norm": 0.1}),
    "weight_decay": Cure({"weight_decay": 0.1}),
    "small_start": Cure(last_scale=0.01),
    "epsilon": Cure(epsilon=1e-3),
    "sgd": Cure({"optimizer": "sgd", "learning_rate": 0.02}),
    "sgd_fast": Cure({"optimizer": "sgd", "learning_rate": 0.05}),
    "hard_focus_rate": Cure(
        {"attention": "hard", "learning_rate": 1e-4, "classifier_learning_rate": 1e-3}
    ),
}


def main():
    """Makes the runs of the flags that are left, and prints the table."""
    args = _parser().parse_args()
    logging.set_verbosity(logging.WARNING)
    folder, cures = Path(args.folder), args.cures.split(",")
    folder.mkdir(parents=True, exist_ok=True)
    settings = {name: getattr(args, name) for name in _SETTINGS}
    runs = _read(folder / "runs.json", settings)
    for cure in cures:
        for seed in map(int, args.seeds.split(",")):
            if not any((run["cure"], run["seed"]) == (cure, seed) for run in runs):
                runs.append(settings | train(args, cure, seed, folder / "steps.csv"))
                (folder / "runs.json").write_text(json.dumps(runs, indent=2) + "\n")
                print(f"{cure}, seed {seed}: {runs[-1]['minutes']:.1f} minutes", flush=True)
    print_table(runs)
    if args.plot:
        draw(folder / "steps.csv", cures, args.plot)


def train(args, name, seed, steps_file):
    """Trains with one cure; its rows go to the file, its figures are returned."""
    cure, began = CURES[name], time.monotonic()
    keras.utils.set_random_seed(seed)
    training, test = _load("train", args.num_examples, seed), _load("test", 2_000, seed)
    model, settings = build(args, cure, seed, training)
    step, look = compiled(model, cure.entropy_bonus)
    source, per_epoch = training.source, training.num_examples // settings.batch_size
    batches = iter(source.indices().endless(settings.batch_size, seed=seed))
    rows = []
    for number in range(settings.epochs * per_epoch):
        indices, targets = next(batches)
        segments = source.gather(indices)
        if cure.noise:
            shape = targets["label"].shape
            targets["label"] = tf.random.uniform(shape, 0, model.num_classes, tf.int32)
        seen = look(segments) if number % args.every == 0 else None
        found = step(segments, targets)
        if seen is not None:
            figures = {key: float(value) for key, value in (found | seen).items()}
            rows.append({"cure": name, "seed": seed, "step": number} | figures)
    _append(steps_file, rows)
    scalars = evaluate(model, test.source.dataset(100)).scalars()
    run = {"cure": name, "seed": seed, "minutes": (time.monotonic() - began) / 60}
    return run | {"train_loss": float(np.mean([row["loss"] for row in rows[-10:]]))} | scalars


def _load(split, num_examples, seed):
    return datasets.load(
        "sdc/cifar10",
        split,
        num_segments=10,
        num_examples=num_examples,
        protocol="paper",
        seed=seed,
    )[1]


def build(args, cure, seed, info):
    """The trainer's model with the cure, and its settings."""
    common = {"attention": "lvml", "batch_size": 64, "epochs": args.epochs, "seed": seed}
    common |= {"optimizer": "adam", "learning_rate": 1e-3, "weight_decay": 0}
    common |= {"dataset": "sdc/cifar10", "num_segments": 10}
    settings = MosaicsTask.config(**common | cure.settings)
    model = build_model(MosaicsTask(), settings, {"train": info})
    last = model.focus.layers[-1].kernel
    last.assign(last * cure.last_scale)
    if cure.temperature != 1.0:
        model.focus.add(keras.layers.Rescaling(1.0 / cure.temperature))
    if cure.warm_up or cure.epsilon:
        focus = Adam(_warm_up(cure.warm_up), epsilon=cure.epsilon or 1e-7)
        model.compile(PartitionedOptimizer.of(model, focus=focus, classifier=Adam(1e-3)))
    return model, settings


def _warm_up(count):
    """Rate 1e-3, reached from 0 along a line."""
    if not count:
        return 1e-3
    return keras.optimizers.schedules.CosineDecay(
        0.0, decay_steps=1, alpha=1.0, warmup_target=1e-3, warmup_steps=count
    )


def print_table(runs):
    """Means over the seeds as Markdown, with the lowest and the highest."""
    print("| cure | seeds | loss, nats | entropy, nats | FT, % | argmax, % | marginal, % |")
    print("|---|---|---|---|---|---|---|")
    for cure in dict.fromkeys(run["cure"] for run in runs):
        group = [run for run in runs if run["cure"] == cure]
        cells = [_spread(group, "train_loss", 1, 3), _spread(group, "entropy", 1, 3)]
        cells += [_spread(group, name, 100, 1) for name in _FIGURES if name != "entropy"]
        print(f"| {cure} | {len(group)} | " + " | ".join(cells) + " |")


def _spread(group, name, factor, digits):
    values = [factor * run[name] for run in group]
    show = functools.partial("{:.{}f}".format)
    mean = show(sum(values) / len(values), digits)
    if len(values) == 1:
        return mean
    return f"{mean} ({show(min(values), digits)} to {show(max(values), digits)})"


_PANELS = {
    "score_range": "scores: largest less smallest",
    "entropy": "entropy of attention, nats",
    "loss": "loss, nats",
}


def draw(steps_file, cures, path):
    """Scores, entropy and loss by step, a line for each cure with seed 0."""
    from matplotlib.figure import Figure

    with steps_file.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["seed"] == "0"]
    figure = Figure(figsize=(11, 3.4), layout="constrained")
    for axes, (name, title) in zip(figure.subplots(1, 3), _PANELS.items(), strict=True):
        for number, cure in enumerate(cures):
            points = [(int(r["step"]), float(r[name])) for r in rows if r["cure"] == cure]
            style = line_style(number) | {"lw": 1.4, "label": cure.replace("_", " ")}
            axes.plot(*zip(*points, strict=True), **style)
        axes.set(xlabel="step", title=title, yscale="log" if name == "score_range" else "linear")
        axes.grid(alpha=0.3)
    axes.axhline(np.log(3), color="0.4", lw=0.8)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper left", ncols=5, fontsize=9)
    figure.savefig(path, dpi=110)


def _read(path, settings):
    """The rows of runs.json; ends the script where one was made with other settings."""
    runs = json.loads(path.read_text()) if path.exists() else []
    for run in runs:
        for name, value in settings.items():
            if run.get(name) != value:
                sys.exit(
                    f"{path} has {run['cure']}, seed {run['seed']}, with {name} "
                    f"{run.get(name, 'not noted')}, expected {value}: name another --folder"
                )
    return runs


def _append(path, rows):
    is_new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        if is_new:
            writer.writeheader()
        writer.writerows(rows)


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cures", default=",".join(CURES), help="What to try, with commas.")
    parser.add_argument("--seeds", default="0", help="Of mosaics, weights, order; with commas.")
    parser.add_argument("--num_examples", type=int, default=6_000, help="Training mosaics.")
    parser.add_argument("--epochs", type=int, default=3, help="Epochs of a run.")
    parser.add_argument("--every", type=int, default=3, help="Steps between rows of steps.csv.")
    parser.add_argument("--folder", default="runs/collapse", help="Of steps.csv and runs.json.")
    parser.add_argument("--plot", help="PNG to draw.")
    return parser


if __name__ == "__main__":
    main()
