"""The examples that a model finds likeliest and least likely, for the run's page."""

import dataclasses
import functools
import io

import numpy as np
from keras import ops
from matplotlib import image

from attention_zoo import _tracing as tracing
from attention_zoo.report.pictures import data_uri


@dataclasses.dataclass(frozen=True, eq=False)
class Extreme:
    """An example at an end of the order by likelihood.

    Attributes:
        number: in the data set, from 0.
        label, prediction: class ids.
        log_likelihood: of the true label, in nats, under the model's own way to predict.
        attention: (m,), padding included.
        true: numbers of the true segments, or of the rationale's; none where unknown.
        known: whether the truth is known, also where no segment that is kept is true.
    """

    number: int
    label: int
    prediction: int
    log_likelihood: float
    attention: np.ndarray
    true: list[int]
    known: bool


def extremes(model, dataset, count=4, same=None):
    """The examples whose true label has the highest likelihood, and those with the lowest.

    They are spread over the classes, and over those whose truth is known and those whose is not:
    each such group gives its own first example, then its second, until there are enough. Where
    there are more groups than examples, every class comes before any has a second group.

    Args:
        model: a FocusClassifier.
        dataset: batches of (inputs, {"label", "focus"}), as of `evaluation.evaluate`.
        count: how many of each; of equals the first.
        same: function of an example's number, -> what only one of those shown may be equal in; None
            tells all apart.

    Returns:
        Two lists of `Extreme`, the highest from the top down, the lowest from the bottom up.
    """
    return ends_of(list(every_example(model, dataset)), count, same)


def ends_of(found, count=4, same=None):
    """The same of `Extreme`s of all examples."""
    ends = []
    for sign in (-1, 1):
        order = sorted(found, key=functools.partial(_rank, sign))
        ends.append(_spread(order, count, same or (lambda number: number)))
    return ends[0], ends[1]


def _rank(sign, one):
    return sign * one.log_likelihood, one.number


def _spread(order, count, same):
    """Of each group the first that is like none before it, in turn; in the order given."""
    groups: dict[tuple, list[Extreme]] = {}
    for one in order:
        groups.setdefault((one.label, one.known), []).append(one)
    groups = _classes_first(groups)
    chosen: list[Extreme] = []
    seen = set()
    while groups and len(chosen) < count:
        for key in list(groups)[: count - len(chosen)]:
            queue = groups[key]
            while queue and same(queue[0].number) in seen:
                queue.pop(0)
            if queue:
                seen.add(same(queue[0].number))
                chosen.append(queue.pop(0))
            if not queue:
                del groups[key]
    numbers = {one.number for one in chosen}
    return [one for one in order if one.number in numbers]


def _classes_first(groups):
    """The groups in their order, but the first of each class before the second of any."""
    labels = [label for label, _ in groups]
    is_second = [label in labels[:place] for place, label in enumerate(labels)]
    order = sorted(range(len(labels)), key=is_second.__getitem__)  # stable
    keys = list(groups)
    return {keys[place]: groups[keys[place]] for place in order}


def every_example(model, dataset):
    """The `Extreme` of every example; `dataset` as of `extremes`."""
    first = 0
    for inputs, truth in dataset:
        with tracing.expected():
            outputs = model.predict_on_batch(inputs)
        labels, focus = (np.asarray(truth[name]) for name in ("label", "focus"))
        log_p, a = outputs["label"], outputs["focus"]
        for i, label in enumerate(labels):
            true = _true_segments(focus[i])
            yield Extreme(
                number=first + i,
                label=int(label),
                prediction=int(log_p[i].argmax()),
                log_likelihood=float(log_p[i, label]),
                attention=a[i],
                true=true,
                known=bool(true),
            )
        first += len(labels)


def _true_segments(focus):
    if focus.ndim:
        return np.flatnonzero(focus > 0).tolist()
    return [int(focus)] if focus >= 0 else []


def mosaic_examples(model, info):
    """`examples.json` of mosaics; segments that are images are in it as PNG."""
    source = info.source

    def pictures(example):
        if not are_pictures(source.shown.shape[1:]):
            return {}
        segments = np.asarray(ops.take(source.shown, source.table[example.number], axis=0))
        return {"pictures": [png(segment) for segment in as_bytes(segments)]}

    foreground = source.table[np.arange(len(source)), source.focus]
    same = foreground.tolist().__getitem__  # one mosaic of a foreground image is enough
    return _examples(model, source.dataset(256), info.class_names, pictures, same)


def post_examples(model, info):
    """`examples.json` of posts, whose tokens are ids as the model takes them."""

    def tokens(example):
        post = info.source.strings[example.number].numpy()
        return {"tokens": [token.decode("utf-8", "replace") for token in post]}

    def same(number):
        return tuple(info.source.strings[number].numpy())

    return _examples(model, info.source.dataset(256), info.class_names, tokens, same)


def _examples(model, dataset, class_names, segments, same):
    return described(model, extremes(model, dataset, same=same), class_names, segments)


def described(model, ends, class_names, segments):
    """What `examples.json` says of a run's best and worst.

    Args:
        model: the FocusClassifier.
        ends: (best, worst), lists of `Extreme`.
        class_names: in the order of the labels.
        segments: function of an `Extreme` -> what shows its segments, by name.
    """

    def one(example):
        shown = segments(example)
        m = len(shown.get("tokens", example.attention))
        return {
            "number": example.number,
            "label": class_names[example.label],
            "prediction": class_names[example.prediction],
            "likelihood": float(np.exp(example.log_likelihood)),
            "attention": [round(float(share), 6) for share in example.attention[:m]],
            "true": example.true,
            "known": example.known,
        } | shown

    best, worst = ([one(example) for example in end] for end in ends)
    return {"way_to_predict": model.way_to_predict, "best": best, "worst": worst}


def are_pictures(shape):
    """Whether segments of a shape can be drawn: (h, w, 1) or (h, w, 3)."""
    return len(shape) == 3 and shape[2] in (1, 3)


def as_bytes(pixels):
    """Pixels as bytes: others are stretched from their least to their largest."""
    if pixels.dtype == np.uint8:
        return pixels
    low, high = float(pixels.min()), float(pixels.max())
    return np.uint8(np.rint(255 * (pixels - low) / max(high - low, 1e-12)))


def png(pixels):
    """An image (h, w, 1 or 3), uint8, as a PNG in a URI."""
    file = io.BytesIO()
    image.imsave(file, np.broadcast_to(pixels, (*pixels.shape[:2], 3)), format="png")
    return data_uri("image/png", file.getvalue())
