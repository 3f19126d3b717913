"""Tables of the results page: a head and rows of text."""

import dataclasses

import numpy as np

from attention_zoo.report.measures import BREAKDOWN, WAYS
from experiments.reproduction import theory
from experiments.reproduction.job import NAMES, ROWS
from experiments.reproduction.verdict import difference
from experiments.results import spread

_EPOCHS = (1, 2, 5, 10, 20, 40, 60, 80, 100, 150, 200, 300, 500)


@dataclasses.dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        head: names of the columns.
        rows: lists of text, as long as the head.
    """

    head: list[str]
    rows: list[list[str]]


def closed_forms():
    """Closed forms at the check values."""
    head = ["m", "C", "time", "attention", "mu", "nu", "off check", "off solver"]
    rows = [
        [str(m), str(c), f"{time:g}", NAMES[paradigm], f"{mu:.4f}", f"{nu:.4f}"]
        + [f"{check:.0e}", f"{solver:.0e}"]
        for m, c, time, paradigm, mu, nu, check, solver in theory.closed_forms()
    ]
    return Table(head, rows)


def deviations(run):
    """Of a gradient-flow run: the largest distances from theory."""
    rows = [
        [NAMES[name], f"{100 * of_one['mu']:.2f}", f"{100 * of_one['nu']:.2f}"]
        for name, of_one in run.results["deviation"].items()
    ]
    return Table(["attention", "mu, % of its range", "nu, % of its range"], rows)


def drives(run):
    """Of a fixed-focus run: where each drive starts, peaks and ends."""
    rows = [
        [NAMES[attention], f"{alpha:g}", *(f"{x:.4f}" for x in shape[:3]), f"{shape[3]:.0%}"]
        for attention in theory.PARADIGMS
        for alpha, shape in theory.drive_shapes(run, attention)
    ]
    return Table(["attention", "α", "start", "peak", "end", "peak after"], rows)


def by_epoch(comparisons, measure):
    """FT ("focus_accuracy") or accuracy ("label_accuracy") after some epochs and the last, in %."""
    rows = []
    for one in comparisons:
        curves = {row: list(one.by_epoch(row, measure).values()) for row in ROWS}
        lengths = {len(curve) for group in curves.values() for curve in group}
        for epoch in sorted({n for n in _EPOCHS if n < max(lengths)} | lengths):
            cells = [
                [curve[epoch - 1] for curve in curves[row] if epoch <= len(curve)] for row in ROWS
            ]
            means = [f"{100 * np.mean(cell):.1f}" if cell else "–" for cell in cells]
            rows.append([one.name, str(epoch), *means])
    return Table(["data", "epoch", *NAMES.values()], rows)


def predictions(comparisons):
    """FT, entropy and accuracy under the three ways to predict."""
    head = ["data", "attention", "seeds", "FT", "entropy, nats", *WAYS]
    rows = []
    for one, row in _rows(comparisons):
        cells = [_percent(one.final(row, f"{way}_accuracy")) for way in WAYS]
        entropy = f"{np.mean(list(one.final(row, 'entropy').values())):.2f}"
        focus = _percent(one.final(row, "focus_accuracy"))
        rows.append([one.name, NAMES[row], str(len(one.runs[row])), focus, entropy, *cells])
    return Table(head, rows)


def breakdown(comparisons):
    """FTPT, FFPT, FTPF, FFPF under the three ways to predict."""
    head = ["data", "attention", "predicts by", *BREAKDOWN]
    rows = [
        [
            one.name,
            NAMES[row],
            way,
            *(_percent(one.final(row, f"{way}_{cell}")) for cell in BREAKDOWN),
        ]
        for one, row in _rows(comparisons)
        for way in WAYS
    ]
    return Table(head, rows)


def control(comparisons):
    """Hybrid minus its control, seed by seed."""
    figures = ["focus_accuracy", *(f"{way}_accuracy" for way in WAYS)]
    rows = []
    for one in comparisons:
        if one.seeds("hybrid", "control"):
            pairs = [[one.final(row, name) for row in ("hybrid", "control")] for name in figures]
            rows.append([one.name, *(_points(difference(*pair)) for pair in pairs)])
    return Table(["data", "FT", *WAYS], rows)


def segments(comparisons):
    """Final FT by the number of segments."""
    rows = [
        [one.name, *(_percent(one.final(row, "focus_accuracy")) for row in ROWS)]
        for one in comparisons
    ]
    return Table(["data", *NAMES.values()], rows)


def hours(comparisons):
    """Hours that the epochs of a run took, mean ± half the range over its seeds."""
    rows = []
    for one, row in _rows(comparisons):
        runs = one.runs[row].values()
        if all(run.hours is not None for run in runs):
            epochs = "/".join(sorted({str(run.config["epochs"]) for run in runs}, key=int))
            taken = spread([run.hours for run in runs], decimals=2)
            rows.append([one.name, NAMES[row], str(len(runs)), epochs, taken])
    return Table(["data", "attention", "seeds", "epochs", "hours a run"], rows)


def scores(runs, names):
    """Figures of the test examples as they are, a row a run; "–" is not known."""
    rows = []
    for run in runs:
        test = run.results["test"]
        rows.append([run.job.name, *(f"{test[n]:.3f}" if n in test else "–" for n in names)])
    return Table(["run", *names], rows)


def _rows(comparisons):
    return [(one, row) for one in comparisons for row in ROWS if one.runs[row]]


def _percent(by_seed):
    """Mean and half the range, in percent."""
    return spread([100 * value for value in by_seed.values()]) or "–"


def _points(gap):
    """Mean difference and half its range, in percentage points."""
    half = f" ± {50 * np.ptp(gap.values):.1f}" if len(gap.values) > 1 else ""
    return f"{100 * gap.mean:+.1f}{half}"
