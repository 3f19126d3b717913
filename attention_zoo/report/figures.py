"""Figures of a run's page, drawn from what its folder holds."""

import numpy as np

from attention_zoo import dynamics, plots
from attention_zoo.report.measures import BREAKDOWN
from attention_zoo.report.pictures import PHOTO, file_picture, plot
from attention_zoo.report.tables import is_fixed_focus, is_gradient_flow


def curves(run):
    """A picture for each panel of the training curves."""
    if is_fixed_focus(run) or is_gradient_flow(run):
        return []
    numbers = {name: column for name, column in run.metrics.items() if column.dtype.kind == "f"}
    panels = plots.training_panels(numbers, switch_epoch=run.results.get("switched_epoch"))
    return [
        plot(figure, _alt(title, figure.axes[0]), title=title) for title, figure in panels.items()
    ]


def _alt(title, ax):
    """Where the lines of a panel begin and end."""
    ends = [
        f"{line.get_gid()} goes from {line.get_ydata()[0]:.3g} to {line.get_ydata()[-1]:.3g}"
        for line in ax.lines
        if line.get_gid() != "switch"
    ]
    return f"{title} by epoch: {'; '.join(ends)}"


def breakdown(run):
    """The breakdown over the epochs, of validation where there is one; None without any."""
    for prefix, what in (("val_", "validation examples"), ("", "training examples")):
        if {prefix + cell for cell in BREAKDOWN} <= run.metrics.keys():
            figure = plots.breakdown(run.metrics, prefix=prefix)
            last = ", ".join(f"{c} {run.metrics[prefix + c][-1]:.1%}" for c in BREAKDOWN)
            alt = f"Breakdown by epoch of the {what}; in the end {last}"
            return plot(figure, alt, wide=True, title=f"On {what}, as the model itself predicts")
    return None


def joint_histogram(run):
    """The joint histogram of the test examples; None without one."""
    alt = "Joint histogram of attention on the true segment and probability of the true label"
    of_test = run.histograms.get("splits", {}).get("test", {})
    if run.way_to_predict not in of_test:
        return file_picture(run.path / "joint_histogram.png", alt)
    counts = np.asarray(of_test[run.way_to_predict])
    if not counts.any():
        return None
    share = counts[-1, -1] / counts.sum()
    alt += f": both are in the highest bin for {share:.1%} of the examples"
    return plot(plots.joint_histogram(counts), alt)


def fixed_focus(run):
    """The drives of a fixed-focus run; None for another run."""
    if not is_fixed_focus(run):
        return None
    figure = plots.fixed_focus(run.metrics, window=5)
    alt = "Drive to focus by epoch, a panel for each loss and a line for each alpha"
    return plot(figure, f"{alt}; the table below has some of its points", wide=True)


def phase_portrait(run):
    """The trajectories of a gradient-flow run, over the theory's; None for another run."""
    if not is_gradient_flow(run):
        return None
    names = [n.removesuffix("_mu_theory") for n in run.metrics if n.endswith("_mu_theory")]
    theory = {name: _trajectory(run, name, "_theory") for name in names}
    measured = {name: _trajectory(run, name, "") for name in names}
    alt = f"Trajectories of {', '.join(names)} in the plane of mu and nu, and against time"
    return plot(plots.phase_portrait(theory, measured), alt, wide=True)


def _trajectory(run, name, suffix):
    figures = ("mu", "nu", "attention", "probability")
    columns = {figure: run.metrics[f"{name}_{figure}{suffix}"] for figure in figures}
    return dynamics.Trajectory(run.metrics["time"], **columns)


def captions(run):
    """The first test pictures with their captions, word by word; None without them."""
    said = "; ".join(f"“{entry['caption']}”" for entry in run.captions[:4])
    alt = f"Test pictures, each once for every word of its caption, with its attention: {said}"
    return file_picture(run.path / "captions.png", alt, kind=PHOTO, wide=True)


def mosaics(run):
    """The first test mosaics; None without them."""
    alt = "The first test mosaics with their attention, true segments, labels and predictions"
    return file_picture(run.path / "mosaics.png", alt, kind=PHOTO, wide=True)
