"""Tables that lay runs side by side."""

import collections

from attention_zoo.report.measures import WAYS, best, shown, split_way, title
from attention_zoo.report.run import SPLITS, is_fixed_focus, is_gradient_flow
from attention_zoo.report.tables import Table, setting_text


def settings_that_differ(runs, names):
    """The `Table` of the settings in which runs differ; None where they do not.

    Args:
        runs: `Run`s.
        names: what to call them.
    """
    settings = dict.fromkeys(name for run in runs for name in run.config)
    rows = [[name, *(setting_text(run, name) for run in runs)] for name in settings]
    differ = [row for row in rows if len(set(row[1:])) > 1]
    return Table("Settings that differ", ["setting", *names], [("", differ)]) if differ else None


def are_of_the_same_data(runs):
    """Whether a value of one run can be better than another's: all are of the same examples."""
    return len({_data(run) for run in runs}) == 1


def _data(run):
    """What settings say of the test examples; a folder only where it is no shelf of data sets.

    Of a user's own data, their fingerprint.
    """
    config = run.config
    if config.get("dataset") == "own data":
        return run.data.get("test")
    names = ("dataset", "protocol", "num_segments", "test_split")
    folder = None if str(config.get("dataset")).startswith("sdc/") else config.get("data_dir")
    return *(config.get(name) for name in names), folder


def tables_of_figures(runs, names):
    """A `Table` for each split, and for what trainers of theory measure.

    The best values of a split are marked, where the runs are of the same data.

    Args:
        runs: `Run`s.
        names: what to call them.
    """
    found = [_split_table(runs, names, split) for split in SPLITS]
    found += [_table(runs, names, caption, take) for caption, take in _THEORY.items()]
    return [table for table in found if table is not None]


def _split_table(runs, names, split):
    figures = [run.splits.get(split, {}) for run in runs]
    measures = dict.fromkeys(name for one in figures for name in one)
    by_way = collections.defaultdict(list)
    for name in measures:
        by_way[split_way(name)[0]].append(name)
    ordered = {way: by_way[way] for way in (None, *WAYS) if way in by_way}
    if not ordered:
        return None
    groups, marks = [], []
    for way, of_way in ordered.items():
        rows = []
        for name in of_way:
            values = [one.get(name) for one in figures]
            rows.append([title(split_way(name)[1]), *(shown(name, v) for v in values)])
            marks.append(best(name, values))
        groups.append((f"predicted by {way}" if way else "", rows))
    marked = _places(marks) if are_of_the_same_data(runs) else frozenset()
    return Table(split, ["measure", *names], groups, marked)


def _table(runs, names, caption, take):
    """A table of what `take` finds of each run, {name: text}."""
    figures = [take(run) for run in runs]
    measures = dict.fromkeys(name for one in figures for name in one)
    rows = [[name, *(one.get(name, "–") for one in figures)] for name in measures]
    return Table(caption, ["measure", *names], [("", rows)]) if rows else None


def _last_drives(run):
    if not is_fixed_focus(run.metrics):
        return {}
    return {
        f"{attention}, α = {alpha}": f"{list(figures['drive'].values())[-1]:.6f}"
        for attention, by_alpha in run.results.items()
        for alpha, figures in by_alpha.items()
    }


def _deviations(run):
    found = run.results.get("deviation", {}) if is_gradient_flow(run.metrics) else {}
    return {
        f"{name}, {letter}": f"{100 * of[gap]:.2f}"
        for name, of in found.items()
        for gap, letter in (("mu", "μ"), ("nu", "ν"))
    }


_THEORY = {
    "Drive to focus in the last epoch, nats": _last_drives,
    "Largest deviation from theory, % of the range over the run": _deviations,
}


def _places(marks):
    """The places (row, column) of what is True."""
    return frozenset((i, j) for i, row in enumerate(marks) for j, mark in enumerate(row) if mark)
