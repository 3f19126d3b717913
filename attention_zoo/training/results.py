"""What fills a run's folder in the end: models, pictures, figures, and the page that shows them."""

import functools
import json

from absl import logging

from attention_zoo import plots, report
from attention_zoo._attention_warnings import warning_lines
from attention_zoo.report.run import shown_of


def evaluate_and_write(task, model, folder, config, splits, measured, facts, floors):
    """Evaluates every split, the test split now for the first time, and fills the folder."""
    evaluations = {name: task.evaluate(model, split, config) for name, split in measured.items()}
    if folder.writes:
        _write(task, model, folder, config, measured, evaluations, facts)
        results = {name: found.scalars() for name, found in evaluations.items()}
        results |= _known_of(splits, measured, evaluations) | facts | task.facts(splits)
        finish(folder, results | ({"floors": floors} if floors else {}))
        _say_warnings(facts)
    return evaluations


def _say_warnings(facts):
    """Says it once more, last of all: a collapsed run is no ordinary success."""
    for line in warning_lines(facts):
        logging.warning("%s (docs/collapse.md)", line)


def _known_of(splits, measured, evaluations):
    """How many examples figures are of, how many have a known truth, what classes are called."""
    found = {
        "num_examples": {name: len(split.source) for name, split in measured.items()},
        "num_known": {
            name: one.num_known for name, one in evaluations.items() if hasattr(one, "num_known")
        },
        "class_names": list(splits["train"].class_names),
    }
    return {name: value for name, value in found.items() if value}


def _write(task, model, folder, config, splits, evaluations, facts):
    """Models, pictures, histograms and examples; these of the test split, if there is one."""
    shown = shown_of(splits)
    folder.write("model.keras", model.save)
    folder.write("saved_model", lambda path: task.export(model, str(path), config), folder=True)
    curves = plots.training_curves(
        folder.path / "metrics.csv",
        switch_epoch=facts.get("switched_epoch"),
        kept_epoch=facts.get("kept_epoch"),
    )
    figures = {"curves": curves} | task.figures(model, splits[shown], evaluations[shown], config)
    for name, figure in figures.items():
        folder.write(f"{name}.png", functools.partial(figure.savefig, format="png"))
    examples = task.examples(model, splits[shown], config)
    if examples is not None:
        folder.write_text("examples.json", json.dumps(examples) + "\n")
    for name, text in task.files(model, splits, evaluations, config).items():
        folder.write_text(name, text)


def finish(folder, results):
    """Writes report.html of all that is there and, the mark of a finished run, results.json."""
    report.write(folder.path, results)
    folder.write_text("results.json", json.dumps(results, indent=2) + "\n")
