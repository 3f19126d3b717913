r"""Cross-validates all paradigms, and the floors without attention, on the field's own bags.

    python benchmarks/bags.py --data=musk1.csv,elephant.csv --folder=runs/bags

One protocol for all, fixed in advance, for its time and not by accuracy: ten folds, stratified,
and five times; features standardised on the training bags; dense layers 256, 128, 64 with ReLU and
dropout 0.5; gated attention; Adam at 0.001, 50 epochs of batches of 8 bags, an average of the
weights over some fifty steps; no validation, the last weights. All that differs is --attentions.
--protocol=published trains as Ilse et al. (arXiv:1802.04712) did: SGD at 0.0005 with
momentum 0.9 and weight decay, 100 epochs, a bag a step. Repeat by repeat, so that a table can be
had early; started again, it goes on. --table prints what is there.
"""

import argparse
import json
import math
from pathlib import Path

FOLDS = 10
PROTOCOLS = {
    "short": {"epochs": 50, "batch_size": 8, "learning_rate": 0.001},
    "published": {
        "epochs": 100,
        "batch_size": 1,
        "optimizer": "sgd",
        "momentum": 0.9,
        "learning_rate": 0.0005,
        "weight_decay": 0.05,  # 0.005 as a term of the gradient, which momentum makes tenfold
        "ema_momentum": None,
    },
}
ATTENTIONS = (
    *("soft", "hard", "lvml", "gumbel", "reinforce", "hybrid"),
    *("mean", "max", "instance_max"),
)
FIGURES = ("accuracy", "auroc", "average_precision", "balanced_accuracy")


def main(options):
    """Runs what is left, or prints the table."""
    folder = Path(options.folder)
    if options.table:
        print(table(folder))
        return
    from attention_zoo.tasks import cross_validate

    for path in map(Path, options.data.split(",")):
        write_folds(path, folder, options.repeats)
    for repeats in range(1, options.repeats + 1):
        for path in map(Path, options.data.split(",")):
            for attention in options.attentions.split(","):
                found = cross_validate(
                    folder / path.stem / attention,
                    dataset="bags/csv",
                    data_dir=str(path),
                    repeats=repeats,
                    attention=attention,
                    tell=lambda line: None,
                    folds=FOLDS,
                    validation=0.0,
                    **PROTOCOLS[options.protocol],
                )
                way = found.way_to_predict
                mean, error, _ = found.figures[f"{way}_accuracy"]
                print(
                    f"{path.stem} {attention}, {found.folds} folds: {mean:.1%} ± {error:.1%}",
                    flush=True,
                )


def write_folds(path, folder, repeats):
    """The names of the test bags of every fold, for what is compared on the same folds."""
    from attention_zoo.datasets.bags import csv_file
    from attention_zoo.datasets.bags.folds import folds

    bags, cut = csv_file.load(data_dir=str(path)).source, []
    for repeat in range(repeats):
        of = folds(bags.labels, bags.cases, FOLDS, repeat)
        cut += [[bags.names[i] for i in (of == k).nonzero()[0]] for k in range(FOLDS)]
    (folder / path.stem).mkdir(parents=True, exist_ok=True)
    (folder / path.stem / "folds.json").write_text(json.dumps(cut) + "\n")


def table(folder):
    """A row a data set and attention, in percent: mean ± standard error over all folds done.

    The last column is the accuracy less that of soft attention on the same folds.
    """
    heads = ("data", "attention", "folds", *FIGURES, "accuracy less soft's")
    lines = [_row(heads), _row(["---"] * len(heads))]
    for path in sorted(path for path in folder.glob("*/*") if path.is_dir()):
        values = {name: _by_fold(path, name) for name in FIGURES}
        if values["accuracy"]:
            soft = _by_fold(path.with_name("soft"), "accuracy")
            less = [v - soft[fold] for fold, v in values["accuracy"].items() if fold in soft]
            cells = [_cell(list(one.values())) for one in values.values()]
            count = str(len(values["accuracy"]))
            lines.append(_row([path.parent.name, path.name, count, *cells, _cell(less)]))
    return "\n".join(lines)


def _row(cells):
    return f"| {' | '.join(cells)} |"


def _by_fold(path, name):
    """{fold: percent}, by the model's own way to predict."""
    found = {}
    for file in sorted(path.glob("repeat=*.json")):
        one = json.loads(file.read_text())
        key = f"{one['way_to_predict']}_{name}"
        if key in one["figures"]:
            found[file.stem] = 100 * one["figures"][key]
    return found


def _cell(values):
    if not values:
        return ""
    mean = sum(values) / len(values)
    if len(values) < 2:
        return f"{mean:.1f}"
    variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return f"{mean:.1f} ± {math.sqrt(variance / len(values)):.1f}"


def _parser():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="musk1.csv,elephant.csv", help="CSV files of bags")
    parser.add_argument("--folder", default="runs/bags", help="of all results")
    parser.add_argument("--protocol", default="short", choices=list(PROTOCOLS))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--attentions", default=",".join(ATTENTIONS))
    parser.add_argument("--table", action="store_true", help="only print what is there")
    return parser


if __name__ == "__main__":
    main(_parser().parse_args())
