"""The results of a sweep: a row a run, means over seeds, and a page of them."""

import csv
import io
import math
import statistics

from attention_zoo.report.html import render, write_whole
from attention_zoo.report.load import load
from attention_zoo.report.measures import shown, split_way, title

HEADLINE = ("focus_accuracy", "argmax_accuracy", "marginal_accuracy", "soft_accuracy", "cider")


def write_sweep(folder, jobs):
    """Writes sweep.csv (a row a run), summary.csv (means over seeds) and sweep.html.

    Args:
        folder: of the sweep, a `pathlib.Path`.
        jobs: of it, each with a name, its folder below, and the settings that it differs in.
    """
    finished = [job for job in jobs if (folder / job.name / "results.json").is_file()]
    rows = load(*(folder / job.name for job in finished))
    varied = [name for name in (jobs[0].settings if jobs else ()) if name != "seed"]
    groups = summarised(rows, [job.settings for job in finished], varied)
    _write_csv(folder / "sweep.csv", rows)
    _write_csv(folder / "summary.csv", [_flat(group) for group in groups])
    page = render(
        "sweep.html",
        name=folder.resolve().name,
        varied=varied,
        measures=[(name, title(split_way(name)[1]), _way(name)) for name in _measures(groups)],
        groups=groups,
        cell=_cell,
        finished=len(finished),
        count=len(jobs),
    )
    write_whole(folder / "sweep.html", page)


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
            sd = statistics.stdev(values) if len(values) > 1 else math.nan
            found[name] = statistics.fmean(values), sd
    return found


def _measures(groups):
    """Of the test split, those to see first, as far as any run has them."""
    there = {name for group in groups for name in group["figures"]}
    return [name for name in HEADLINE if f"test/{name}" in there]


def _way(name):
    return split_way(name)[0] or ""


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
