"""The page of one run."""

from attention_zoo._attention_warnings import warning_lines
from attention_zoo.report import figures
from attention_zoo.report.examples import are_posts, are_relative, ends
from attention_zoo.report.html import relative_link, render, write_whole
from attention_zoo.report.measures import floors_line, shown, title
from attention_zoo.report.run import Run
from attention_zoo.report.tables import settings, tables
from attention_zoo.report.words import is_known_of_all, kind, measured_on, terms, word

PAGE = "report.html"


def write(workdir, results=None):
    """Writes `report.html`, a page of all that a run's folder holds; what is missing is left out.

    Args:
        workdir: the folder of a run of any trainer, finished or not.
        results: what results.json will have, for a trainer that has not written it yet.

    Returns:
        The page's path.

    Raises:
        ValueError: the folder is not that of a run, or a file in it is damaged.
    """
    run = Run.read(workdir, results)
    differ, others = settings(run)
    found = tables(run)
    said = {name: text for table in found for name, text in table.terms.items()}
    page = render(
        "run.html",
        run=run,
        facts=facts(run),
        differ=differ,
        others=others,
        tables=found,
        terms=said,
        terms_of_curves={k: text for k, text in _terms_of_curves(run).items() if k not in said},
        word={name: word(run, name) for name in ("segment", "truth")},
        kind=kind(run.shown_split),
        measured_on=measured_on(run, run.shown_split),
        files=_files(run),
        curves=figures.curves(run),
        breakdown=figures.breakdown(run),
        histogram=figures.joint_histogram(run),
        drives=figures.fixed_focus(run),
        trajectories=figures.phase_portrait(run),
        captions=figures.captions(run),
        mosaics=figures.mosaics(run),
        pictures=figures.own_pictures(run),
        ends=ends(run),
        posts=are_posts(run),
        relative=are_relative(run),
        whole=is_known_of_all(run, run.shown_split, run.way_to_predict),
    )
    path = run.path / PAGE
    write_whole(path, page)
    return path


_COLUMNS = {  # of metrics.csv, as a measure with a meaning
    "loss": "loss",
    "label_accuracy": "accuracy",
    "word_accuracy": "word_accuracy",
    "focus_accuracy": "focus_accuracy",
    "focus_entropy": "entropy",
    "drive_soft": "drive",
}


def _terms_of_curves(run):
    """What the training curves are of."""
    columns = dict.fromkeys(name.removeprefix("val_") for name in run.metrics)
    return terms([run], [_COLUMNS[name] for name in columns if name in _COLUMNS])


def facts(run):
    """(name, text) of what was trained, on what, when, and how well it does."""
    config, about, kept = run.config, run.about, run.results.get("kept_epoch")
    found = {
        "Task": run.task,
        "Measured on": _examples(run),
        "Data": config.get("dataset") or config.get("data_dir"),
        "Attention": _attention(run),
        "Warning": "; ".join(warning_lines(run.results)),
        "Seed": config.get("seed"),
        "Began": about.get("began", "").replace("T", " ").replace("+00:00", " UTC"),
        "Curves written": run.last_epoch and f"{run.last_epoch:%Y-%m-%d %H:%M:%S} UTC",
        "Weights": kept and f"of epoch {kept}, the best on validation",
        "On the test split": _headline(run),
        "Versions": ", ".join(f"{name} {about[name]}" for name in _LIBRARIES if name in about),
    }
    return [(name, text) for name, text in found.items() if text not in (None, "")]


_LIBRARIES = ("attention_zoo", "keras", "tensorflow")


def _examples(run):
    """How many examples figures are of, and the floors on the test examples."""
    counts = run.results.get("num_examples", {})
    text = ", ".join(f"{count} {split}" for split, count in counts.items())
    floors = floors_line(run.results)
    return text + (f"; floors on test: {floors}" if floors else "")


def _attention(run):
    """The attention and, of a hybrid, its phases and when it switched."""
    config = run.config
    if "deviation" in run.results:
        return ", ".join(run.results["deviation"])
    if isinstance(config.get("attention"), dict):  # an object that a user brought
        return config["attention"].get("class_name")
    if config.get("attention") != "hybrid":
        return config.get("attention")
    phases = f"{config.get('first_attention')}, then {config.get('second_attention')}"
    epoch = run.results.get("switched_epoch")
    return f"hybrid: {phases}" + ("" if epoch is None else f" after epoch {epoch}")


def _headline(run):
    """The figures to see first."""
    figures_of_test, way = run.splits.get("test", {}), run.way_to_predict
    names = {f"{way}_accuracy": f"accuracy by {way}"}
    names |= {f"{way}_auroc": "AUROC"}
    names |= {name: title(name) for name in ("focus_accuracy", "bleu_4", "cider")}
    known = [name for name in names if name in figures_of_test]
    return ", ".join(f"{names[name]} {shown(name, figures_of_test[name])}" for name in known)


def _files(run):
    """(name, relative link) of everything in the folder that is the run's."""
    there = {path.name for path in run.path.iterdir() if not path.name.startswith(".")}
    there |= {"results.json"} if run.results else set()
    names = sorted(there - {PAGE})
    return [(name, relative_link(run.path / name, run.path)) for name in names]
