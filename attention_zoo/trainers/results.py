"""What a finished run leaves in its folder: models, pictures, figures."""

import functools
import json

from attention_zoo import plots, report
from attention_zoo.export import export
from attention_zoo.layers import HybridAttention


def write_results(
    run, model, evaluations, pictures=None, switch_epoch=None, examples=None, **facts
):
    """Writes models, pictures, histograms, examples, report.html and, last of all, results.json.

    Args:
        run: the `Workdir`, with a metrics.csv.
        model: the trained FocusClassifier.
        evaluations: `Evaluation` by name, "test" among them.
        pictures: matplotlib figures by name, besides those of every run.
        switch_epoch: number of epochs before a hybrid's second phase; None if it never came.
        examples: for examples.json, as of `trainers.examples`, or None.
        **facts: more for results.json.
    """
    run.write("model.keras", model.save)
    run.write("saved_model", lambda path: export(model, str(path)), folder=True)
    figures = dict(pictures or {})
    if evaluations["test"].num_known:
        histogram = evaluations["test"].ways[model.way_to_predict].histogram
        figures["joint_histogram"] = plots.joint_histogram(histogram)
    write_figures(run, figures, switch_epoch)
    run.write_text("histograms.json", json.dumps(_histograms(model, evaluations)) + "\n")
    if examples is not None:
        run.write_text("examples.json", json.dumps(examples) + "\n")
    finish_with(run, model, evaluations, switch_epoch, facts)


def write_figures(run, figures, switch_epoch):
    """Writes the curves of a run and other matplotlib figures, by name, as PNG."""
    curves = plots.training_curves(run.path / "metrics.csv", switch_epoch=switch_epoch)
    for name, figure in ({"curves": curves} | figures).items():
        run.write(f"{name}.png", functools.partial(figure.savefig, format="png"))


def finish_with(run, model, evaluations, switch_epoch, facts):
    """Finishes a run with the figures of its evaluations, by name, and other facts."""
    results = {name: evaluation.scalars() for name, evaluation in evaluations.items()} | facts
    if isinstance(model.attention, HybridAttention):
        results["switched_epoch"] = switch_epoch
    if names := getattr(model, "class_names", None):
        results["class_names"] = list(names)
    finish(run, results)


def finish(run, results):
    """Writes report.html of all that is there and, the mark of a finished run, results.json."""
    report.write(run.path, results)
    run.write_text("results.json", json.dumps(results, indent=2) + "\n")


def _histograms(model, evaluations):
    """The joint histograms, counts by split and way to predict, and the model's own way."""
    splits = {
        split: {way: found.histogram.tolist() for way, found in one.ways.items()}
        for split, one in evaluations.items()
    }
    return {"way_to_predict": model.way_to_predict, "splits": splits}


def evaluation_tables(evaluations):
    """`Evaluation`s by name as text."""
    return "\n\n".join(f"{split}: {one.table()}" for split, one in evaluations.items())
