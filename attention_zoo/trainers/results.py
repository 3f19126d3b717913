"""What a finished run leaves in its folder: models, pictures, figures."""

import functools
import json

from attention_zoo import plots
from attention_zoo.export import export
from attention_zoo.layers import HybridAttention


def write_results(run, model, evaluations, pictures=None, switch_epoch=None, **facts):
    """Writes model.keras, saved_model/, the pictures and, last of all, results.json.

    Args:
        run: the `Workdir`, with a metrics.csv.
        model: the trained FocusClassifier.
        evaluations: `Evaluation` by name, "test" among them.
        pictures: matplotlib figures by name, besides those of every run.
        switch_epoch: number of epochs before a hybrid's second phase; None if it never came.
        **facts: more for results.json.
    """
    run.write("model.keras", model.save)
    run.write("saved_model", lambda path: export(model, str(path)), folder=True)
    figures = {"curves": plots.training_curves(run.path / "metrics.csv", switch_epoch=switch_epoch)}
    if evaluations["test"].num_known:
        histogram = evaluations["test"].ways[model.way_to_predict].histogram
        figures["joint_histogram"] = plots.joint_histogram(histogram)
    for name, figure in (figures | (pictures or {})).items():
        run.write(f"{name}.png", functools.partial(figure.savefig, format="png"))
    results = {name: evaluation.scalars() for name, evaluation in evaluations.items()} | facts
    if isinstance(model.attention, HybridAttention):
        results["switched_epoch"] = switch_epoch
    run.write_text("results.json", json.dumps(results, indent=2) + "\n")


def evaluation_tables(evaluations):
    """`Evaluation`s by name as text."""
    return "\n\n".join(f"{split}: {one.table()}" for split, one in evaluations.items())
