"""What a finished run of captions leaves in its folder."""

import json

from attention_zoo import plots
from attention_zoo.export import export
from attention_zoo.trainers.results import finish_with, write_figures


def write_results(run, model, evaluations, pictures, search, switch_epoch=None, **facts):
    """Writes models, pictures, captions.json, report.html and, last of all, results.json.

    captions.json is as the COCO challenge wants it: the test pictures' ids and their captions.

    Args:
        run: the `Workdir`, with a metrics.csv.
        model: the trained `Captioner`.
        evaluations: `CaptionEvaluation` by name, "test" among them.
        pictures: `Pictures` of the test split.
        search: settings of `CaptionSearch` for the SavedModel, by name.
        switch_epoch: number of epochs before a hybrid's second phase; None if it never came.
        **facts: more for results.json.
    """
    run.write("model.keras", model.save)
    size = {"image_size": pictures.size}
    run.write("saved_model", lambda path: export(model, str(path), **search, **size), folder=True)
    found = evaluations["test"]
    hard = model.way_to_predict == "argmax"
    write_figures(run, _examples(found, pictures, hard), switch_epoch)
    ids = pictures.ids[found.pictures].tolist()
    written = zip(ids, found.captions, strict=True)
    entries = [{"image_id": own, "caption": caption} for own, caption in written]
    run.write_text("captions.json", json.dumps(entries, indent=2) + "\n")
    finish_with(run, model, evaluations, switch_epoch, facts)


def evaluation_lines(evaluations):
    """`CaptionEvaluation`s by name as text."""
    return "\n".join(f"{split}: {one.table()}" for split, one in evaluations.items())


def _examples(found, pictures, hard, count=4):
    """The first pictures with their captions, word by word."""
    if found.grid is None:
        return {}  # no grid to lay over a picture
    figure = plots.captions(
        pictures[found.pictures[:count]],
        found.captions[:count],
        found.focus[:count],
        hard=hard,
        grid=found.grid,
    )
    return {"captions": figure}
