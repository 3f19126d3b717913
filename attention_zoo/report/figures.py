"""Figures of a run's page, drawn from what its folder holds."""

from pathlib import Path

import numpy as np

from attention_zoo import dynamics, plots
from attention_zoo.report.measures import BREAKDOWN
from attention_zoo.report.pictures import PHOTO, file_picture, plot
from attention_zoo.report.run import FIGURES, is_fixed_focus, is_gradient_flow, trajectories
from attention_zoo.report.words import (
    HELD_OUT,
    TRAINING,
    capitalised,
    is_known_of_all,
    is_whole,
    kind,
    known_of,
    truth,
)


def curves(run):
    """A picture for each panel of the training curves."""
    if is_fixed_focus(run.metrics) or is_gradient_flow(run.metrics):
        return []
    numbers = {name: column for name, column in run.metrics.items() if column.dtype.kind == "f"}
    panels = plots.training_panels(numbers, **_marks(run))
    return [
        plot(figure, _alt(title, figure.axes[0], run), title=title)
        for title, figure in panels.items()
    ]


def _marks(run):
    """The epochs that pictures mark, as arguments of theirs."""
    found = {"switch_epoch": "switched_epoch", "kept_epoch": "kept_epoch"}
    return {name: run.results.get(fact) for name, fact in found.items()}


def _alt(title, ax, run):
    """Where the lines of a panel begin and end, and what is marked."""
    ends = [
        f"{line.get_gid()} goes from {line.get_ydata()[0]:.3g} to {line.get_ydata()[-1]:.3g}"
        for line in ax.lines
        if line.get_gid() not in ("switch", "kept")
    ]
    return f"{title} by epoch: {'; '.join(ends)}" + _marked(run)


def _marked(run):
    """Of a picture's words: the epochs that it marks."""
    names = {"switch_epoch": "switch", "kept_epoch": "kept"}
    said = [f"{names[k]}: epoch {epoch:g}" for k, epoch in _marks(run).items() if epoch is not None]
    return f"; {'; '.join(said)}" if said else ""


def breakdown(run):
    """The breakdown over the epochs, of held-out examples where there are some; None without any.

    Epochs in which a share is not finite, as without a known truth, are left out.
    """
    for where in (HELD_OUT, TRAINING):
        columns = _breakdown_columns(run, where)
        if columns is not None:
            return _breakdown(run, where, columns)
    return None


def _breakdown(run, where, columns):
    shares = {cell: columns[where + cell] for cell in BREAKDOWN}
    accuracy = columns.get(f"{where}label_accuracy")
    whole = is_whole(accuracy, shares["FTPT"], shares["FFPT"])
    known = known_of(run, where, whole)
    last = ", ".join(f"{cell} {share[-1]:.1%}" for cell, share in shares.items())
    alt = f"Breakdown by epoch of the {known}; in the end {last}" + _marked(run)
    text = f"On the {known}, as the model itself predicts."
    text += " The two areas at the bottom are the accuracy." if whole else ""
    return plot(plots.breakdown(columns, prefix=where, **_marks(run)), alt, title=text)


def _breakdown_columns(run, prefix):
    """The columns of numbers, in the epochs with a breakdown; None without any."""
    numbers = {name: column for name, column in run.metrics.items() if column.dtype.kind == "f"}
    cells = [prefix + cell for cell in BREAKDOWN]
    if not {"epoch", *cells} <= numbers.keys():
        return None
    there = np.isfinite([numbers[name] for name in cells]).all(axis=0)  # (epochs,)
    return {name: column[there] for name, column in numbers.items()} if there.any() else None


def joint_histogram(run):
    """The joint histogram of the split that is shown; None without one."""
    way, on, split = run.way_to_predict, truth(run), run.shown_split
    known = known_of(run, split, is_known_of_all(run, split, way))
    alt = f"Joint histogram of attention on {on} and probability of the true label, {known}"
    text = f"Share of the {known} by attention on {on} and probability of the true label"
    text += f", predicted by {way}." if way else "."
    by_way = run.histograms.get("splits", {}).get(split, {})
    if way not in by_way:
        return file_picture(run.path / "joint_histogram.png", alt, title=text)
    counts = np.asarray(by_way[way])
    if not counts.any():
        return None
    share = counts[-1, -1] / counts.sum()
    alt += f": both are in the highest bin for {share:.1%} of them"
    return plot(plots.joint_histogram(counts, truth=on), alt, title=text)


def fixed_focus(run):
    """The drives of a fixed-focus run; None for another run."""
    if not is_fixed_focus(run.metrics):
        return None
    figure = plots.fixed_focus(run.metrics, window=5)
    alt = "Drive to focus by epoch, a panel for each loss and a line for each alpha"
    return plot(figure, f"{alt}; the table below has some of its points", wide=True)


def phase_portrait(run):
    """The trajectories of a gradient-flow run, over the theory's; None for another run."""
    if not is_gradient_flow(run.metrics):
        return None
    names = trajectories(run.metrics)
    theory = {name: _trajectory(run, name, "_theory") for name in names}
    measured = {name: _trajectory(run, name, "") for name in names}
    alt = f"Trajectories of {', '.join(names)} in the plane of mu and nu, and against time"
    return plot(plots.phase_portrait(theory, measured), alt, wide=True)


def _trajectory(run, name, suffix):
    columns = {figure: run.metrics[f"{name}_{figure}{suffix}"] for figure in FIGURES}
    return dynamics.Trajectory(run.metrics["time"], **columns)


def captions(run):
    """The first pictures with their captions, word by word; None without them."""
    said = "; ".join(f"“{entry['caption']}”" for entry in run.captions[:4])
    of = capitalised(kind(run.shown_split))
    alt = f"{of} pictures, each once for every word of its caption, with its attention: {said}"
    return file_picture(run.path / "captions.png", alt, kind=PHOTO, wide=True)


def mosaics(run):
    """The first mosaics; None without them."""
    of = kind(run.shown_split)
    alt = f"The first {of} mosaics with their attention, true segments, labels and predictions"
    return file_picture(run.path / "mosaics.png", alt, kind=PHOTO, wide=True)


def own_pictures(run):
    """(heading, picture) of a task's own that results name, with what these say of them."""
    said = {n: t for n, t in run.results.get("pictures", {}).items() if Path(n).name == n}
    found = {
        capitalised(name.replace("_", " ")): file_picture(
            run.path / f"{name}.png", text, title=text, wide=True
        )
        for name, text in said.items()
    }
    return [(heading, picture) for heading, picture in found.items() if picture is not None]
