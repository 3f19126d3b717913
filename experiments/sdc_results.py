"""Prints the results of finished SDC runs as Markdown tables, means over seeds.

python -m experiments.sdc_results runs/soft_0 runs/soft_1 runs/hard_0 runs/hard_1

Folders whose names differ in the number at the end only are runs of one kind; behind each mean
stands half the distance between the lowest and the highest.
"""

import csv
import json
import sys

from attention_zoo.report.measures import BREAKDOWN, WAYS
from experiments.results import markdown, runs_by_kind, spread


def main():
    """Prints the tables of the runs named on the command line."""
    if not sys.argv[1:]:
        sys.exit(__doc__)
    runs = runs_by_kind(sys.argv[1:])
    results = {
        name: [json.loads((path / "results.json").read_text()) for path in paths]
        for name, paths in runs.items()
    }
    for split in ("train", "validation", "test"):
        if all(split in result for group in results.values() for result in group):
            print(f"\nFinal, on {split} images, %:\n")
            print(final_table({n: [one[split] for one in group] for n, group in results.items()}))
    curves = {name: [read_curves(path) for path in paths] for name, paths in runs.items()}
    for column, images in (("focus_accuracy", "training"), ("val_focus_accuracy", "validation")):
        print(f"\nFT by epoch, on {images} images, %:\n")
        print(curve_table(curves, column))


def final_table(results):
    """A row a kind of run: FT, then accuracy and breakdown under each prediction."""
    head = ["run", "seeds", "FT", "entropy, nats"]
    head += [f"{way}: accuracy {' '.join(BREAKDOWN)}" for way in WAYS]
    rows = []
    for name, group in results.items():
        entropy = sum(one["entropy"] for one in group) / len(group)
        row = [name, str(len(group)), percent(group, "focus_accuracy"), f"{entropy:.2f}"]
        for way in WAYS:
            cells = " ".join(mean(group, f"{way}_{cell}") for cell in BREAKDOWN)
            row.append(f"**{percent(group, f'{way}_accuracy')}** {cells}")
        rows.append(row)
    return markdown(head, rows)


def curve_table(curves, column):
    """A row an epoch, a column a kind of run: means over its seeds."""
    epochs = max(len(rows) for group in curves.values() for rows in group)
    lines = []
    for epoch in range(epochs):
        groups = ([rows[epoch] for rows in group if epoch < len(rows)] for group in curves.values())
        lines.append([str(epoch + 1), *(mean(group, column) if group else "" for group in groups)])
    return markdown(["epoch", *curves], lines)


def mean(group, name):
    """In percent."""
    return f"{100 * sum(float(one[name]) for one in group) / len(group):.1f}"


def percent(group, name):
    """Mean ± half the range, in percent."""
    return spread([100 * float(one[name]) for one in group])


def read_curves(run):
    """The rows of metrics.csv."""
    with (run / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    main()
