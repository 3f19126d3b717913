"""Runs as one tidy table: a row a run, settings and results as columns."""

from attention_zoo.report.run import Run


def load(*folders):
    """Reads runs into a table.

        pandas.DataFrame(az.report.load(*Path("runs").iterdir()))

    Args:
        *folders: of runs, finished or not.

    Returns:
        A list of dicts, one a run, all with the same keys: "run" (the folder), "task", every
        setting by its name, and every figure of results.json as "test/focus_accuracy", but not
        "num_known". What a run does not have is None.

    Raises:
        ValueError: a folder is not that of a run, or a file in it is damaged.
    """
    return rows_of([Run.read(folder) for folder in folders])


def rows_of(runs):
    """What `load` gives, of `Run`s."""
    rows = [_row(run) for run in runs]
    columns = dict.fromkeys(name for row in rows for name in row)
    return [{name: row.get(name) for name in columns} for row in rows]


def _row(run):
    row = {"run": str(run.path), "task": run.task}
    figures = {name: value for name, value in run.results.items() if name != "num_known"}
    return row | {name: _text(value) for name, value in run.config.items()} | _flat(figures)


def _text(value):
    """A setting; of an object that a user brought, its class."""
    if isinstance(value, dict):
        return value.get("class_name", str(value))
    return [_text(one) for one in value] if isinstance(value, list) else value


def _flat(results, prefix=""):
    """Figures of nested results by their path."""
    found: dict = {}
    for name, value in results.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{prefix}{name}/")
        else:
            found[prefix + name] = value
    return found
