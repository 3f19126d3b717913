"""The sections of the results page, in the paper's order."""

import collections
import dataclasses
import io
import itertools

from experiments.reproduction import figures, tables
from experiments.reproduction.job import ROWS
from experiments.reproduction.runs import TEST
from experiments.reproduction.tables import Table

_ON_POSTS = ("argmax_accuracy", "focus_accuracy", "average_precision", "token_f1", "iou_f1")
_ON_CAPTIONS = ("perplexity", "bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "cider", "meteor")


@dataclasses.dataclass(frozen=True)
class Figure:
    """A picture.

    Attributes:
        name: of its file, without ending.
        says: what it shows, for who cannot see it too.
        png: its bytes.
    """

    name: str
    says: str
    png: bytes


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of the page; with nothing in it, it says why.

    Attributes:
        title: its heading.
        text: what is to know to read it.
        tables: `Table`s.
        figures: `Figure`s.
    """

    title: str
    text: str
    tables: list[Table] = dataclasses.field(default_factory=list)
    figures: list[Figure] = dataclasses.field(default_factory=list)


def all_of(runs, compared, outcomes):
    """Every `Section`.

    Args:
        runs: all finished `Run`s.
        compared: their `Comparison`s.
        outcomes: `Outcome` of every job.
    """
    of_trainer = {
        trainer: [run for run in runs if run.job.trainer == trainer]
        for trainer in ("gradient_flow", "fixed_focus", "hatexplain", "captions")
    }
    mosaics = [one for one in compared if one.num_segments is not None]
    once = [one for one in compared if one.condition.images == TEST]  # every run is in one
    return [
        _theory(of_trainer["gradient_flow"]),
        _held_focus(of_trainer["fixed_focus"]),
        _curves(compared),
        _scores(once),
        _predictions(mosaics),
        _breakdown(mosaics),
        _control(compared),
        _segments(mosaics),
        _posts(of_trainer["hatexplain"], _reasons(outcomes, "hatexplain")),
        _captions(of_trainer["captions"], _reasons(outcomes, "captions")),
        _hours(once),
    ]


def _theory(runs):
    text = (
        "Closed forms of the class margin mu and the score gap nu; their distance from the check "
        "values and from a numerical solver. Then linear networks, trained by gradient descent: "
        "the largest distance from theory over the whole run."
    )
    return Section(
        "Theory",
        text,
        [tables.closed_forms(), *map(tables.deviations, runs)],
        [
            _file(run, "phase_portrait", "Trained networks (markers) on the curves of theory.")
            for run in runs
        ],
    )


def _held_focus(runs):
    text = (
        "Attention is held at α on the true segment and only the classifier learns. The drive to "
        "focus L(α) − L(α + 0.01), in nats, mean over the first and the last tenth of the epochs "
        "and the tenth where it is largest."
    )
    says = "Drive to focus by epoch, a panel a loss, a line an α."
    return Section(
        "Fixed focus",
        text,
        [tables.drives(run) for run in runs],
        [_file(run, "fixed_focus", says) for run in runs],
    )


def _curves(compared):
    return Section(
        "Focus and accuracy by epoch",
        "On validation examples. Training images: mosaics drawn anew of them, and thin the "
        "training mosaics themselves. Accuracy is by a run's own way to predict. Lines are means "
        "over the seeds, bands go from the lowest to the highest. Control: a hybrid whose "
        "first attention goes on. Tables: FT, then accuracy, %.",
        tables=[tables.by_epoch(compared, measure) for measure in figures.MEASURES],
        figures=[
            _drawn(figures.learning_curves(group, measure), f"{name}_{data}", f"{says}, {data}.")
            for data, group in _by_data(compared)
            for measure, name, says in (
                ("focus_accuracy", "focus", "FT by epoch"),
                ("label_accuracy", "accuracy", "Accuracy by epoch"),
            )
        ],
    )


def _scores(once):
    text = (
        "The largest less the smallest score of a mosaic, mean over 256 training mosaics, where "
        "it was measured. Scores that grow a hundredfold in some epochs have run away: attention "
        "is one-hot, and any step turns it elsewhere."
    )
    measured = [one for one in once if any(map(one.score_ranges, ROWS))]
    drawn = [
        _drawn(figures.score_ranges(group), f"scores_{data}", f"Range of scores by epoch, {data}.")
        for data, group in _by_data(measured)
    ]
    return Section("Scores by epoch", text if drawn else "Not measured.", figures=drawn)


def _by_data(compared):
    """(data and images, its comparisons) each."""
    groups = itertools.groupby(compared, key=lambda one: one.condition.group)
    return [(group, list(found)) for group, found in groups]


def _predictions(mosaics):
    text = (
        "After the last epoch: mean ± half the range, %. On test mosaics, made of test images, or "
        "where training images are named, drawn anew of those, as the paper's test mosaics are."
    )
    return Section("FT and the three predictions", text, [tables.predictions(mosaics)])


def _breakdown(mosaics):
    text = "Focus true or false, prediction true or false, % of the test mosaics."
    return Section("Breakdown", text, [tables.breakdown(mosaics)])


def _control(compared):
    text = (
        "Hybrid minus control, seed by seed: points of FT and of accuracy under each prediction. "
        "Both have the same first phase and the same rate in the second."
    )
    return Section("Hybrid against its control", text, [tables.control(compared)])


def _segments(mosaics):
    drawn = [
        _drawn(figures.focus_by_segments(group), f"segments_{data}", f"Final FT by m, {data}.")
        for data, group in _by_data(mosaics)
        if len(group) > 1
    ]
    text = "FT on test mosaics after the last epoch, %."
    return Section("Number of segments", text, [tables.segments(mosaics)], drawn)


def _posts(runs, reasons):
    found = [tables.scores(runs, _ON_POSTS)] if runs else []
    return Section("HateXplain", f"Test posts. {reasons}", found)


def _captions(runs, reasons):
    found = [tables.scores(runs, _ON_CAPTIONS)] if runs else []
    return Section("Captions", f"Test pictures. {reasons}", found)


def _hours(once):
    text = (
        "Where it was taken: of all epochs, with validation and the figures of every epoch, on "
        "the cores or the GPU that the job had."
    )
    return Section("Machine time", text, [tables.hours(once)])


def _reasons(outcomes, trainer):
    """Why jobs of a trainer were not run, each reason once, and how many jobs it is of."""
    mine = [one for one in outcomes if one.job.trainer == trainer]
    if not mine:
        return "Not run: not in this suite."
    reasons = collections.Counter(
        f"{one.state}: {one.reason}" for one in mine if one.state != "done"
    )
    found = [f"{count} of {len(mine)} jobs {reason}" for reason, count in sorted(reasons.items())]
    return "; ".join(found)


def _file(run, name, says):
    """A picture that a run made."""
    unique = f"{name}_{run.job.name.replace('/', '_')}"
    return Figure(unique, f"{says} ({run.job.data})", (run.folder / f"{name}.png").read_bytes())


def _drawn(figure, name, says):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    safe = "".join(c if c.isalnum() else "_" for c in name)
    return Figure(safe, says, buffer.getvalue())
