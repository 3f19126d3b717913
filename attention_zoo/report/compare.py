"""Runs side by side."""

import math
from pathlib import Path

from attention_zoo import plots
from attention_zoo._paths import expanded
from attention_zoo.plots.compared_curves import OTHERS, line_style
from attention_zoo.plots.training_curves import TITLES
from attention_zoo.report.compared_tables import (
    FEW,
    settings_that_differ,
    splits_of_different_data,
    tables_of_figures,
)
from attention_zoo.report.html import relative_link, render, write_whole
from attention_zoo.report.measures import BREAKDOWN, WAYS
from attention_zoo.report.page import PAGE, facts
from attention_zoo.report.pictures import plot
from attention_zoo.report.run import SPLITS, Run, is_fixed_focus, is_gradient_flow
from attention_zoo.report.words import (
    HELD_OUT,
    TEST,
    TRAINING,
    capitalised,
    is_known_of_all,
    known_of,
    measured_on,
    terms,
)

_MOST_NAMED, _NAMED = 12, 6  # of more runs than the first, as many as the second are told apart


def compare(*runs, output="compare.html"):
    """Writes a page that lays runs side by side, as far as they have measured the same.

    Up to four runs have a column each; more have a row each. Of more than twelve the curves tell
    the six best apart.

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
    links = {name: _link(run, folder) for name, run in zip(names, read, strict=True)}
    links = {name: link for name, link in links.items() if link}
    named, tables = _named(read), tables_of_figures(read, names, links)
    common, lines = _lines(read)
    page = render(
        "compare.html",
        names=names,
        few=len(read) <= FEW,
        many=len(read) > _MOST_NAMED,
        common=common,
        facts=lines,
        links=links,
        settings=settings_that_differ(read, names),
        tables=tables,
        terms={name: text for table in tables for name, text in table.terms.items()},
        measured=[split for split in SPLITS if any(split in run.splits for run in read)],
        apart=splits_of_different_data(read),
        curves=_curves(read, names, named),
        keeps=any(_kept(run) for run in read),
        legend=[(names[number], _svg_style(place)) for place, number in enumerate(named)],
        others=OTHERS["color"] if len(named) < len(read) else None,
        bars=_bars(read, names),
        known=_known(read),
        cells=terms(read, BREAKDOWN),
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


def _lines(runs):
    """What all runs have in common, in a line, and what else each is, in a line each."""
    wanted = ("Task", "Data", "Attention", "Warning", "Seed", "On the test split")
    known = [{k: text for k, text in facts(run) if k in wanted} for run in runs]
    common = {k: text for k, text in known[0].items() if all(one.get(k) == text for one in known)}
    return _line(common), [_line({k: one[k] for k in one if k not in common}) for one in known]


def _line(known):
    return ", ".join(f"{name.lower()} {text}" for name, text in known.items())


def _link(run, folder):
    """To the run's page, where it has one."""
    page = run.path / PAGE
    return relative_link(page, folder) if page.is_file() else None


def _svg_style(number):
    """(colour, dashes) of a run's line, as SVG has them."""
    style = line_style(number)
    dashes = " ".join(f"{2 * length:g}" for length in style["dashes"] if length)
    return style["color"], dashes


def _named(runs):
    """Numbers of the runs whose curves are told apart: all, or of many the best at their ends."""
    if len(runs) <= _MOST_NAMED:
        return list(range(len(runs)))
    ends = [_end(run) for run in runs]
    return sorted(range(len(runs)), key=lambda number: (-ends[number], number))[:_NAMED]


def _end(run):
    """The last accuracy of a run, on held-out examples where it has some; the lowest for none."""
    curves = (_curve(run, where, _CURVES["accuracy"]) for where in (HELD_OUT, TRAINING))
    return next((curve[1][-1] for curve in curves if curve), -math.inf)


_CURVES = {  # columns by panel; the first of them that a run has
    "accuracy": ("label_accuracy", "word_accuracy"),
    "focus": ("focus_accuracy",),
    "entropy": ("focus_entropy",),
    "loss": ("loss",),
}


def _curves(runs, names, named):
    """(what examples, pictures) of held-out examples and of those of training."""
    found = [
        (_measured_on(runs, where), _panels(runs, names, where, named))
        for where in (HELD_OUT, TRAINING)
    ]
    return [(what, panels) for what, panels in found if panels]


def _kept(run):
    """The epoch whose weights a run ended with; None if that is its last, or not known."""
    return run.results.get("kept_epoch")


def _measured_on(runs, where):
    """What the runs' figures are of, all kinds of examples."""
    return capitalised(", ".join(dict.fromkeys(measured_on(run, where) for run in runs)))


def _panels(runs, names, prefix, named):
    """A picture for each measure that any run has."""
    pictures = []
    for panel, columns in _CURVES.items():
        text, curves = TITLES[panel], [_curve(run, prefix, columns) for run in runs]
        if not any(curves):
            continue
        figure = plots.compared_curves(
            curves,
            title=text,
            percent="nats" not in text,
            kept=[_kept(run) for run in runs],
            named=named,
        )
        ends = [f"{names[i]} ends at {curves[i][1][-1]:.3g}" for i in named if curves[i]]
        pictures.append(plot(figure, f"{text} by epoch: {'; '.join(ends)}"))
    return pictures


def _curve(run, prefix, columns):
    if is_fixed_focus(run.metrics) or is_gradient_flow(run.metrics):
        return None
    return next((curve for name in columns if (curve := run.curve(prefix + name))), None)


def _known(runs):
    """The test examples that a breakdown is of, all kinds of examples."""
    found = [known_of(run, TEST, is_known_of_all(run, TEST, WAYS[0])) for run in _measured(runs)]
    return capitalised(", ".join(dict.fromkeys(found)))


def _measured(runs):
    """Those with a breakdown of test examples."""
    return [run for run in runs if f"{WAYS[0]}_FTPT" in run.splits.get("test", {})]


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
