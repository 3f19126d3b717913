"""Prints the results of finished SDC runs as Markdown tables.

python benchmarks/sdc_results.py runs/soft runs/hard runs/lvml runs/hybrid
"""

import csv
import json
import sys
from pathlib import Path

CELLS = ("FTPT", "FFPT", "FTPF", "FFPF")
WAYS = ("argmax", "marginal", "soft")


def main():
    runs = [Path(argument) for argument in sys.argv[1:]]
    if not runs:
        sys.exit(__doc__)
    results = {run.name: json.loads((run / "results.json").read_text()) for run in runs}
    for split in ("train", "validation", "test"):
        if all(split in result for result in results.values()):
            print(f"\nFinal, on {split} images, %:\n")
            print(final_table({name: result[split] for name, result in results.items()}))
    curves = {run.name: read_curves(run) for run in runs}
    for column, images in (("focus_accuracy", "training"), ("val_focus_accuracy", "test")):
        print(f"\nFT by epoch, on {images} images, %:\n")
        print(curve_table(curves, column))


def final_table(results):
    """A row a run: FT, then accuracy and breakdown under each prediction."""
    head = ["run", "FT", *(f"{way}: accuracy {' '.join(CELLS)}" for way in WAYS)]
    rows = []
    for name, result in results.items():
        row = [name, percent(result["focus_accuracy"])]
        for way in WAYS:
            cells = " ".join(percent(result[f"{way}_{cell}"]) for cell in CELLS)
            row.append(f"**{percent(result[f'{way}_accuracy'])}** {cells}")
        rows.append(row)
    return table(head, rows)


def curve_table(curves, column):
    """A row an epoch, a column a run."""
    values = {
        name: {int(float(row["epoch"])): percent(row[column]) for row in rows}
        for name, rows in curves.items()
    }
    epochs = sorted({epoch for column in values.values() for epoch in column})
    rows = [[str(epoch), *(values[name].get(epoch, "") for name in curves)] for epoch in epochs]
    return table(["epoch", *curves], rows)


def read_curves(run):
    with (run / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def percent(figure):
    return f"{100 * float(figure):.1f}"


def table(head, rows):
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    main()
