"""The results of a sweep: a row a run, means over seeds, and a page of them."""

import contextlib
import csv
import io
import math
import statistics

from attention_zoo._attention_warnings import warning_lines
from attention_zoo.report.compared_tables import marker
from attention_zoo.report.html import relative_link, render, write_whole
from attention_zoo.report.load import rows_of
from attention_zoo.report.measures import column_title, shown
from attention_zoo.report.page import PAGE
from attention_zoo.report.run import Run
from attention_zoo.report.same_data import are_of_the_same_data
from attention_zoo.report.tables import Table, places
from attention_zoo.report.words import TEST, capitalised, measured_on, terms

HEADLINE = (
    "focus_accuracy",
    "attention_mass",
    "argmax_accuracy",
    "marginal_accuracy",
    "soft_accuracy",
    "cider",
)
_OTHERWISE = 6  # measures, where there is none of these


def write_sweep(folder, jobs, others=()):
    """Writes sweep.csv (a row a run), summary.csv (means over seeds) and sweep.html.

    Args:
        folder: of the sweep, a `pathlib.Path`.
        jobs: of it, each with a name, its folder below, and the settings that it differs in.
        others: those of the jobs whose folders hold runs with other settings, or on other data;
            they do not count.
    """
    found = _finished(folder, [job for job in jobs if job not in others])
    finished, runs = [job for job, _ in found], [run for _, run in found]
    rows = rows_of(runs)
    varied = [name for name in (jobs[0].settings if jobs else ()) if name != "seed"]
    groups = summarised(rows, [job.settings for job in finished], varied)
    _write_csv(folder / "sweep.csv", rows)
    _write_csv(folder / "summary.csv", [_flat(group) for group in groups])
    page = render(
        "sweep.html",
        name=folder.resolve().name,
        table=_table(runs, groups, varied),
        same_data=are_of_the_same_data(runs),
        runs=[(job.name, _state(job, finished, others), _link(folder, job)) for job in jobs],
        warned=_warned(folder, found),
        finished=len(finished),
    )
    write_whole(folder / "sweep.html", page)


def _finished(folder, jobs):
    """(job, `Run`) of those that are done; a damaged one counts as not done: it is to run again."""
    found = []
    for job in jobs:
        if (folder / job.name / "results.json").is_file():
            with contextlib.suppress(ValueError):
                found.append((job, Run.read(folder / job.name)))
    return found


def summarised(rows, settings, varied):
    """Means and standard deviations over the runs that differ in their seed alone.

    Args:
        rows: as of `load`.
        settings: those in which each run differs from others, by name.
        varied: the names of these but "seed".

    Returns:
        A list of {"settings": {name: value}, "runs": count, "figures": {name: (mean, sd)}}, in the
        order of the runs; sd is that of a sample, NaN of one run.
    """
    groups: dict[tuple, list] = {}
    for row, own in zip(rows, settings, strict=True):
        groups.setdefault(tuple(own[name] for name in varied), []).append(row)
    return [
        {
            "settings": dict(zip(varied, values, strict=True)),
            "runs": len(of),
            "figures": _figures(of),
        }
        for values, of in groups.items()
    ]


def _figures(rows):
    found = {}
    for name in rows[0]:
        values = [row[name] for row in rows]
        is_figure = "/" in name and all(isinstance(v, int | float) for v in values)
        if is_figure and not isinstance(values[0], bool):
            are_known = all(map(math.isfinite, values))
            sd = statistics.stdev(values) if are_known and len(values) > 1 else math.nan
            found[name] = statistics.fmean(values) if are_known else math.nan, sd
    return found


def _link(folder, job):
    """To the page of a run, where it has one."""
    page = folder / job.name / PAGE
    return relative_link(page, folder) if page.is_file() else None


def _state(job, finished, others):
    """What is to say of a job that the means do not have in; "" of the rest."""
    if job in others:
        return "holds a run with other settings or on other data"
    return "" if job in finished else "not finished"


def _warned(folder, found):
    """(name, link, warnings) of the runs whose attention was warned of: means hide them."""
    lines = [(job, "; ".join(warning_lines(run.results))) for job, run in found]
    return [(job.name, _link(folder, job), text) for job, text in lines if text]


def _table(runs, groups, varied):
    """A row for each group of runs that differ in their seed alone; None without any.

    The values of the first of two or more settings that vary stand over rows of their own.
    """
    if not groups:
        return None
    measures = _measures(groups)
    over, *columns = varied if len(varied) > 1 else [None, *varied]
    if over:
        first = list(dict.fromkeys(str(group["settings"][over]) for group in groups))
        groups = sorted(groups, key=lambda group: first.index(str(group["settings"][over])))
    rows: dict[str, list] = {}
    for group in groups:
        settings = [str(group["settings"][name]) for name in columns] or ["all runs"]
        cells = [str(group["runs"]), *(_cell(group, name) for name in measures)]
        heading = f"{over} {group['settings'][over]}" if over else ""
        rows.setdefault(heading, []).append([*settings, *cells])
    return Table(
        caption=_caption(runs),
        head=[*(columns or [""]), "runs", *map(column_title, measures)],
        groups=list(rows.items()),
        marks=_marks(runs, groups, measures, len(columns)),
        terms=terms(runs, measures),
        explained=("head",),
    )


def _caption(runs):
    of = ", ".join(dict.fromkeys(measured_on(run, TEST) for run in runs))
    return capitalised(f"{of}: mean ± standard deviation over seeds")


def _marks(runs, groups, measures, columns):
    """The places of the best means."""
    marked_of = marker(runs, "test")
    marks = [
        marked_of(name, [group["figures"].get(f"test/{name}", [None])[0] for group in groups])
        for name in measures
    ]
    first = max(columns, 1)  # columns before the measures: settings but the row's name, runs
    return frozenset((row, first + column) for row, column in places(zip(*marks, strict=True)))


def _measures(groups):
    """Of the test split, those to see first, as far as any run has them; else any."""
    names = dict.fromkeys(name for group in groups for name in group["figures"])
    there = [name.removeprefix("test/") for name in names if name.startswith("test/")]
    return [name for name in HEADLINE if name in there] or there[:_OTHERWISE]


def _cell(group, name):
    """A figure as "58.1% ± 0.6", "–" where there is none."""
    if f"test/{name}" not in group["figures"]:
        return "–"
    mean, sd = group["figures"][f"test/{name}"]
    text = shown(name, mean)
    if math.isnan(sd):
        return text
    return f"{text} ± {100 * sd:.1f}" if text.endswith("%") else f"{text} ± {sd:.3f}"


def _flat(group):
    flat = group["settings"] | {"runs": group["runs"]}
    for name, (mean, sd) in group["figures"].items():
        flat |= {f"{name} mean": mean, f"{name} sd": sd}
    return flat


def _write_csv(path, rows):
    names = dict.fromkeys(name for row in rows for name in row)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(names))
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, text.getvalue())
