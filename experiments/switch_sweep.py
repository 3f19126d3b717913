r"""Hybrid attention switched at every epoch, and by signals, beside soft going on at the same rate.

    python -m experiments.switch_sweep --folder=runs/sweep --plot=docs/switch_digits.png
    python -m experiments.switch_sweep --dataset=sdc/cifar10 --num_examples=10000 \
        --num_test_examples=4000 --epochs=15 --learning_rate=0.02 --second_learning_rate=0.02 \
        --switch_epochs=3,6,9,12 --folder=runs/sweep_cifar10

Every run is one of `attention_zoo.trainers.sdc`, a job of a sweep: started again, it goes on where
it was broken off. The control of a switch epoch is the hybrid of soft and soft:
at that epoch it, too, gets fresh optimizer state and the second learning rate, so that what differs
is the loss alone. Prints FT and accuracies on test mosaics as a Markdown table; draws them against
the switch epoch, the signals as stars where they switched.
"""

import argparse
import json
import sys
from pathlib import Path

from matplotlib.figure import Figure

from attention_zoo._paths import expanded
from attention_zoo.tasks import MosaicsTask
from attention_zoo.training.sweep import Job, run_jobs, trainer_of

SIGNALS = ("focus_stalled", "focus_drive")
FIGURES = ("focus_accuracy", "argmax_accuracy", "marginal_accuracy", "soft_accuracy")
_COMMON = (  # settings of all runs
    *("dataset", "data_dir", "num_segments", "num_examples", "num_test_examples", "epochs"),
    *("learning_rate", "second_learning_rate", "first_attention"),
)


def main():
    """Makes the runs of the flags that are left, and prints the table."""
    args = _parser().parse_args()
    folder, jobs = expanded(Path(args.folder)), jobs_of(args)
    common = {name: getattr(args, name) for name in _COMMON} | {"weight_decay": 0}
    trainer = trainer_of(MosaicsTask(), **common)
    if any(run_jobs(jobs, folder, lambda job: trainer, workers=args.workers).values()):
        sys.exit(1)  # the reasons were told
    rows = [row(job, folder) for job in jobs]
    table = mean_rows(rows)
    print_table(table, args.seeds)
    (folder / "sweep.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    if args.plot:
        draw(table, args)


def jobs_of(args):
    """A `Job` for each kind of run and each seed, "hybrid_3_0" for a switch after 3 epochs."""
    kinds = []
    for epoch in map(int, args.switch_epochs.split(",")):
        control = {"switch_epoch": epoch, "second_attention": args.first_attention}
        kinds += [("hybrid", {"switch_epoch": epoch}), ("control", control)]
    kinds += [(signal, {"switch_when": signal}) for signal in SIGNALS]
    return [
        Job("_".join(map(str, [kind, *own.values(), seed])), own | {"seed": seed})
        for seed in range(args.seeds)
        for kind, own in kinds
    ]


def row(job, folder):
    """What a finished run found, a row of the table."""
    results = json.loads((folder / job.name / "results.json").read_text())
    kind = next(kind for kind in ("hybrid", "control", *SIGNALS) if job.name.startswith(kind))
    figures = {figure: results["test"][figure] for figure in FIGURES}
    return {
        "kind": kind,
        "seed": job.settings["seed"],
        "switched": results["switched_epoch"],
    } | figures


def mean_rows(rows):
    """Means over seeds: of hybrid and control for each epoch, of the signals over their epochs."""
    groups: dict[tuple, list] = {}
    for row in rows:
        key = (row["kind"], None if row["kind"] in SIGNALS else row["switched"])
        groups.setdefault(key, []).append(row)
    return [
        {"kind": kind, "switched": [row["switched"] for row in group]}
        | {figure: sum(row[figure] for row in group) / len(group) for figure in FIGURES}
        for (kind, _), group in groups.items()
    ]


def print_table(table, seeds):
    """Prints the means as Markdown, in percent."""
    print(f"On test mosaics, mean of {seeds} seed(s), %:\n")
    print("| run | switched after epochs | FT | argmax | marginal | soft |")
    print("|---|---|---|---|---|---|")
    for row in table:
        switched = row["switched"] if row["kind"] in SIGNALS else row["switched"][:1]
        epochs = ", ".join("never" if epoch is None else str(epoch) for epoch in switched)
        figures = " | ".join(f"{100 * row[figure]:.1f}" for figure in FIGURES)
        print(f"| {row['kind']} | {epochs} | {figures} |")


def draw(table, args):
    """FT and accuracy by argmax against the switch epoch."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, name, title in zip(
        figure.subplots(1, 2), FIGURES[:2], ("FT", "accuracy by argmax"), strict=True
    ):
        for kind, style in (("hybrid", "o-"), ("control", "s--")):
            points = [(row["switched"][0], 100 * row[name]) for row in table if row["kind"] == kind]
            label = {"hybrid": "hybrid", "control": "control: soft goes on"}[kind]
            axes.plot(*zip(*points, strict=True), style, label=label)
        for signal, marker in zip(SIGNALS, ("*", "P"), strict=True):
            row = next(row for row in table if row["kind"] == signal)
            epochs = [args.epochs if epoch is None else epoch for epoch in row["switched"]]
            x = sum(epochs) / len(epochs)
            axes.plot([x], [100 * row[name]], marker, markersize=13, label=signal)
        axes.set(xlabel="epochs before the switch", ylabel=f"{title}, %")
        axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.suptitle(f"{args.dataset}, m = {args.num_segments}, {args.epochs} epochs")
    figure.savefig(args.plot, dpi=110)


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dataset", default="sdc/digits", help="One of the sdc data sets.")
    parser.add_argument("--data_dir", help="Folder of tensorflow_datasets; its own by default.")
    parser.add_argument("--num_segments", type=int, default=10, help="Images a mosaic.")
    parser.add_argument("--num_examples", type=int, default=4_000, help="Training mosaics.")
    parser.add_argument("--num_test_examples", type=int, default=2_000, help="Test mosaics.")
    parser.add_argument("--epochs", type=int, default=10, help="Epochs of every run.")
    parser.add_argument("--switch_epochs", default="0,1,2,3,4,5,6,7,8,9", help="With commas.")
    parser.add_argument("--learning_rate", type=float, default=0.02, help="First phase's.")
    parser.add_argument("--second_learning_rate", type=float, default=0.02, help="Second's.")
    parser.add_argument("--first_attention", default="soft", help="First phase's, and control's.")
    parser.add_argument("--seeds", type=int, default=1, help="Runs of each kind.")
    parser.add_argument("--workers", type=int, default=1, help="Runs at a time.")
    parser.add_argument("--folder", default="runs/switch_sweep", help="Folder of the runs.")
    parser.add_argument("--plot", help="PNG to draw.")
    return parser


if __name__ == "__main__":
    main()
