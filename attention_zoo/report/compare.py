"""Runs side by side."""

from pathlib import Path

from attention_zoo import plots
from attention_zoo._paths import expanded
from attention_zoo.plots.compared_curves import line_style
from attention_zoo.report.compared_tables import (
    are_of_the_same_data,
    settings_that_differ,
    tables_of_figures,
)
from attention_zoo.report.html import relative_link, render, write_whole
from attention_zoo.report.measured_on import HELD_OUT, TRAINING, measured_on
from attention_zoo.report.measures import BREAKDOWN, WAYS
from attention_zoo.report.page import PAGE, facts
from attention_zoo.report.pictures import plot
from attention_zoo.report.run import Run, is_fixed_focus, is_gradient_flow


def compare(*runs, output="compare.html"):
    """Writes a page that lays runs side by side, as far as they have measured the same.

    Args:
        *runs: folders of two runs or more, of any trainers.
        output: path of the page.

    Returns:
        The page's path.

    Raises:
        ValueError: fewer than two runs, a folder that is none, or a damaged file in one.
    """
    if len(runs) < 2:
        raise ValueError(f"compare was given {len(runs)} run, expected 2 or more")
    path, read = expanded(Path(output)), [Run.read(folder) for folder in runs]
    names = _names(read)
    folder = path.resolve().parent
    if not folder.is_dir():
        raise ValueError(f"output is {str(path)!r}, expected a path in a folder that is there")
    page = render(
        "compare.html",
        names=names,
        styles=[_svg_style(number) for number in range(len(read))],
        facts=[_line(run) for run in read],
        links=[_link(run, folder) for run in read],
        settings=settings_that_differ(read, names),
        tables=tables_of_figures(read, names),
        same_data=are_of_the_same_data(read),
        curves=_curves(read, names),
        bars=_bars(read, names),
        cells=BREAKDOWN,
    )
    write_whole(path, page)
    return path


def _names(runs):
    """The folders' names, with as many of their parents' as tell them apart."""
    for depth in range(1, max(len(run.path.resolve().parts) for run in runs)):
        names = ["/".join(run.path.resolve().parts[-depth:]) for run in runs]
        if len(set(names)) == len(names):
            return names
    return [f"{name} ({number})" for number, name in enumerate(names, 1)]


def _line(run):
    """What a run is, in a line."""
    known = dict(facts(run))
    wanted = ("Task", "Data", "Attention", "Collapsed", "Seed", "On the test split")
    return ", ".join(f"{name.lower()} {known[name]}" for name in wanted if name in known)


def _link(run, folder):
    """To the run's page, where it has one."""
    page = run.path / PAGE
    return relative_link(page, folder) if page.is_file() else None


def _svg_style(number):
    """(colour, dashes) of a run's line, as SVG has them."""
    style = line_style(number)
    dashes = " ".join(f"{2 * length:g}" for length in style["dashes"] if length)
    return style["color"], dashes


_CURVES = {  # columns by title; the first of them that a run has
    "accuracy": ("label_accuracy", "word_accuracy"),
    "focus true (FT)": ("focus_accuracy",),
    "attention entropy (nats)": ("focus_entropy",),
    "loss (nats)": ("loss",),
}


def _curves(runs, names):
    """(what examples, pictures) of held-out examples and of those of training."""
    found = [
        (_measured_on(runs, where), _panels(runs, names, where)) for where in (HELD_OUT, TRAINING)
    ]
    return [(what, panels) for what, panels in found if panels]


def _measured_on(runs, where):
    """What the runs' figures are of, all kinds of examples."""
    return ", ".join(dict.fromkeys(measured_on(run, where) for run in runs)).capitalize()


def _panels(runs, names, prefix):
    """A picture for each measure that any run has."""
    pictures = []
    for text, columns in _CURVES.items():
        curves = [_curve(run, prefix, columns) for run in runs]
        if not any(curves):
            continue
        figure = plots.compared_curves(curves, title=text, percent="nats" not in text)
        ends = [f"{n} ends at {c[1][-1]:.3g}" for n, c in zip(names, curves, strict=True) if c]
        pictures.append(plot(figure, f"{text} by epoch: {'; '.join(ends)}"))
    return pictures


def _curve(run, prefix, columns):
    if is_fixed_focus(run.metrics) or is_gradient_flow(run.metrics):
        return None
    return next((curve for name in columns if (curve := run.curve(prefix + name))), None)


def _bars(runs, names):
    """(way, bars) with (name, shares of the test examples in percent) for each run that has it."""
    found = []
    for way in WAYS:
        bars = [
            (name, [100 * run.splits["test"][f"{way}_{cell}"] for cell in BREAKDOWN])
            for name, run in zip(names, runs, strict=True)
            if f"{way}_FTPT" in run.splits.get("test", {})
        ]
        if bars:
            found.append((way, bars))
    return found
