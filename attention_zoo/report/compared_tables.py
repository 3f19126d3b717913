"""Tables that lay runs side by side: a column a run or, of many runs, a row a run."""

import collections

from attention_zoo.report.measures import WAYS, best, column_title, shown, split_way, title
from attention_zoo.report.run import SPLITS, is_fixed_focus, is_gradient_flow
from attention_zoo.report.same_data import are_of_the_same_data, have_the_same_vocabulary
from attention_zoo.report.tables import Table, places, setting_text
from attention_zoo.report.words import terms

FEW = 4  # most runs that have a column each
_HEADLINE = ("accuracy", "perplexity")  # of a way to predict, beside what is of none


def settings_that_differ(runs, names):
    """The `Table` of the settings in which runs differ; None where they do not.

    Args:
        runs: `Run`s.
        names: what to call them.
    """
    settings = dict.fromkeys(name for run in runs for name in run.config)
    rows = [[name, *(setting_text(run, name) for run in runs)] for name in settings]
    differ = [row for row in rows if len(set(row[1:])) > 1]
    if not differ:
        return None
    caption, by_setting = "Settings that differ", [["setting", *names], *differ]
    if len(runs) > max(FEW, len(differ)):
        by_setting = [list(column) for column in zip(*by_setting, strict=True)]
        by_setting[0][0] = "run"
    return Table(caption, by_setting[0], [("", by_setting[1:])], wraps=True)


def tables_of_figures(runs, names, links):
    """`Table`s of the splits, and of what trainers of theory measure.

    Of few runs a split is one table, with a column a run; of many it is several, with a row a run:
    what is of no way to predict and the headline of each way, then a table a way. The best values
    of a measure are marked, where the runs are of the same data in a split.

    Args:
        runs: `Run`s.
        names: what to call them.
        links: addresses of their pages, by these names.
    """
    of_split = _by_measure if len(runs) <= FEW else _by_run
    found = [table for split in SPLITS for table in of_split(runs, names, split, links)]
    return found + [
        table for caption, take in _THEORY.items() for table in _table(runs, names, caption, take)
    ]


def _measures(figures):
    """The names of measures by way to predict, None for none, in the order of interest."""
    by_way = collections.defaultdict(list)
    for name in dict.fromkeys(name for one in figures for name in one):
        by_way[split_way(name)[0]].append(name)
    return {way: by_way[way] for way in (None, *WAYS) if way in by_way}


def splits_of_different_data(runs):
    """The splits that runs have figures of, but not of the same examples."""
    measured = {split: [run for run in runs if split in run.splits] for split in SPLITS}
    return [split for split in SPLITS if not are_of_the_same_data(measured[split], split)]


def marker(runs, split):
    """`measures.best` of runs on a split, that marks only what can be better than another.

    Args:
        runs: `Run`s; those without figures of the split do not count.
        split: its name.

    Returns:
        Function (measure, values) -> bools.
    """
    runs = [run for run in runs if split in run.splits]
    is_same, same_words = are_of_the_same_data(runs, split), have_the_same_vocabulary(runs)

    def marked_of(name, values):
        is_fair = is_same and (same_words or split_way(name)[1] != "perplexity")
        return best(name, values) if is_fair else [False] * len(values)

    return marked_of


def _by_measure(runs, names, split, links):
    """A table with a row a measure and a column a run."""
    figures = [run.splits.get(split, {}) for run in runs]
    by_way, marked_of = _measures(figures), marker(runs, split)
    groups, marks = [], []
    for way, of_way in by_way.items():
        rows = []
        for name in of_way:
            values = [one.get(name) for one in figures]
            rows.append([title(split_way(name)[1]), *(shown(name, v) for v in values)])
            marks.append(marked_of(name, values))
        groups.append((f"predicted by {way}" if way else "", rows))
    if not groups:
        return []
    said = terms(runs, [name for of_way in by_way.values() for name in of_way])
    return [Table(split, ["measure", *names], groups, places(marks), said, explained=("rows",))]


def _by_run(runs, names, split, links):
    """Tables with a row a run and a column a measure; runs that have nothing of one are not in."""
    figures = [run.splits.get(split, {}) for run in runs]
    by_way, marked_of = _measures(figures), marker(runs, split)
    first = by_way.pop(None, []) + [
        name for of_way in by_way.values() for name in of_way if split_way(name)[1] in _HEADLINE
    ]
    asked = {split: first} | {f"{split}, predicted by {way}": by_way[way] for way in by_way}
    found = []
    for caption, columns in asked.items():
        there = [i for i, one in enumerate(figures) if one.keys() & set(columns)]
        rows = [[names[i], *(shown(name, figures[i].get(name)) for name in columns)] for i in there]
        marks = [marked_of(name, [figures[i].get(name) for i in there]) for name in columns]
        if rows:
            called = column_title if caption == split else lambda name: title(split_way(name)[1])
            head = ["run", *map(called, columns)]
            marked = places(zip(*marks, strict=True))
            said = terms(runs, columns)
            found.append(Table(caption, head, [("", rows)], marked, said, ("head",), links))
    return found


def _table(runs, names, caption, take):
    """A table of what `take` finds of each run, {name: text}."""
    figures = [take(run) for run in runs]
    there = [i for i, one in enumerate(figures) if one]
    if len(runs) <= FEW:
        there = list(range(len(runs)))
    measures = dict.fromkeys(name for one in figures for name in one)
    rows = [[name, *(figures[i].get(name, "–") for i in there)] for name in measures]
    return [Table(caption, ["measure", *(names[i] for i in there)], [("", rows)])] if rows else []


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
