"""Tables of a run, as rows of text."""

import dataclasses

from attention_zoo.report.measures import WAYS, shown, split_way, title
from attention_zoo.report.run import decided_by_objects, is_fixed_focus
from attention_zoo.report.words import terms


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of text.

    Attributes:
        caption: what it shows.
        head: names of the columns, that of the rows' names first.
        groups: (name or "", rows) each; a row is its name and a cell for each further column.
        marks: places (row, column) of the cells to mark, rows counted over all groups, columns
            without that of the names.
        terms: what measures and ways to predict in it mean, {what it calls them: text}.
        explained: where these are, "head" or "rows": elsewhere the same word is something else.
        links: addresses of rows, by their names.
        wraps: whether its cells are long, as paths are, and may wrap.
    """

    caption: str
    head: list[str]
    groups: list[tuple[str, list[list[str]]]]
    marks: frozenset[tuple[int, int]] = frozenset()
    terms: dict[str, str] = dataclasses.field(default_factory=dict)
    explained: tuple[str, ...] = ("head", "rows")
    links: dict[str, str] = dataclasses.field(default_factory=dict)
    wraps: bool = False


def tables(run):
    """The tables of a run's results, whatever its trainer was."""
    found = [_predictions(run), _figures(run), *_drives(run), _deviation(run)]
    return [table for table in found if table is not None]


def _predictions(run):
    """The three ways to predict, of every split."""
    names = [name for figures in run.splits.values() for name in figures if split_way(name)[0]]
    measures = list(dict.fromkeys(split_way(name)[1] for name in names))
    if not measures:
        return None
    groups = []
    for split, figures in run.splits.items():
        values = {split_way(name): value for name, value in figures.items()}
        rows = [[way, *(shown(name, values.get((way, name))) for name in measures)] for way in WAYS]
        groups.append((split, rows))
    head = ["prediction", *map(title, measures)]
    return Table("Three ways to predict", head, groups, terms=terms([run], names))


def _figures(run):
    """All figures that are of no way to predict, a column for each split."""
    splits = run.splits
    names = dict.fromkeys(name for figures in splits.values() for name in figures)
    plain = [name for name in names if split_way(name)[0] is None]
    if not plain:
        return None
    rows = [[title(n), *(shown(n, one.get(n)) for one in splits.values())] for n in plain]
    head = ["measure", *splits]
    return Table("Attention and scores", head, [("", rows)], terms=terms([run], plain))


def _drives(run):
    """Of fixed focus: the drive to focus at some epochs, a table for each loss."""
    if not is_fixed_focus(run.metrics):
        return
    for attention, by_alpha in run.results.items():
        epochs = list(next(iter(by_alpha.values()))["drive"])
        rows = [
            [f"α = {alpha}", *(f"{figures['drive'][epoch]:.6f}" for epoch in epochs)]
            for alpha, figures in by_alpha.items()
        ]
        head = ["attention on the true segment", *(f"epoch {epoch}" for epoch in epochs)]
        yield Table(f"{attention}: drive to focus L(α) − L(α + 0.01), nats", head, [("", rows)])


def _deviation(run):
    """Of gradient flow: how far training stays from theory."""
    found = run.results.get("deviation")
    if found is None:
        return None
    rows = [[name, *(f"{100 * of[gap]:.2f}" for gap in ("mu", "nu"))] for name, of in found.items()]
    caption = "Largest deviation from theory, % of the range over the run"
    return Table(caption, ["attention", "μ", "ν"], [("", rows)])


def places(marks):
    """The places (row, column) of what is True."""
    return frozenset((i, j) for i, row in enumerate(marks) for j, mark in enumerate(row) if mark)


def settings(run):
    """(settings that differ from their defaults, the others), each (name, value) as text.

    The first are None where the defaults are not known. What objects decide is in neither.
    """
    idle = decided_by_objects(run.config)
    given = {name: _text(value) for name, value in run.config.items() if name not in idle}
    if "defaults" not in run.about:
        return None, list(given.items())
    defaults = {name: _text(value) for name, value in run.about["defaults"].items()}
    differ = [(name, text) for name, text in given.items() if defaults.get(name) != text]
    return differ, [pair for pair in given.items() if pair not in differ]


def setting_text(run, name):
    """A setting as text, "–" where the run has no such setting."""
    return _text(run.config[name]) if name in run.config else "–"


def _text(value):
    if value is None:
        return "unset"
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)
