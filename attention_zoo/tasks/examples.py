"""The test examples that a model finds likeliest and least likely, for the run's page."""

import dataclasses
import io

import numpy as np
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
    """

    number: int
    label: int
    prediction: int
    log_likelihood: float
    attention: np.ndarray
    true: list[int]


def extremes(model, dataset, count=4):
    """The examples whose true label has the highest likelihood, and those with the lowest.

    Args:
        model: a FocusClassifier.
        dataset: batches of (inputs, {"label", "focus"}), as of `evaluation.evaluate`.
        count: how many of each; of equals the first.

    Returns:
        Two lists of `Extreme`, the highest from the top down, the lowest from the bottom up.
    """
    best: list[Extreme] = []
    worst: list[Extreme] = []
    first = 0
    for inputs, truth in dataset:
        with tracing.expected():
            outputs = model.predict_on_batch(inputs)
        found = _batch(outputs, truth, first, count)
        best = sorted([*best, *found], key=lambda one: (-one.log_likelihood, one.number))[:count]
        worst = sorted([*worst, *found], key=lambda one: (one.log_likelihood, one.number))[:count]
        first += len(truth["label"])
    return best, worst


def _batch(outputs, truth, first, count):
    """The `Extreme`s of a batch, both ends."""
    labels, focus = (np.asarray(truth[name]) for name in ("label", "focus"))
    log_p, a = outputs["label"], outputs["focus"]
    likelihoods = log_p[np.arange(len(labels)), labels]
    ends = np.argsort(-likelihoods, kind="stable")[:count], np.argsort(likelihoods, kind="stable")
    return [
        Extreme(
            number=first + int(i),
            label=int(labels[i]),
            prediction=int(log_p[i].argmax()),
            log_likelihood=float(likelihoods[i]),
            attention=a[i],
            true=_true_segments(focus[i]),
        )
        for i in sorted({*ends[0].tolist(), *ends[1][:count].tolist()})
    ]


def _true_segments(focus):
    if focus.ndim:
        return np.flatnonzero(focus > 0).tolist()
    return [int(focus)] if focus >= 0 else []


def mosaic_examples(model, info):
    """`examples.json` of mosaics; segments that are images are in it as PNG."""
    source = info.source

    def pictures(example):
        if len(info.segment_shape) != 3:
            return {}
        segments = source.images.numpy()[source.table[example.number]]
        return {"pictures": [_png(segment) for segment in segments]}

    return _examples(model, source.dataset(256), info.class_names, pictures)


def post_examples(model, info):
    """`examples.json` of posts, whose tokens are ids as the model takes them."""

    def tokens(example):
        post = info.source.strings[example.number].numpy()
        return {"tokens": [token.decode("utf-8", "replace") for token in post]}

    return _examples(model, info.source.dataset(256), info.class_names, tokens)


def _examples(model, dataset, class_names, segments):
    best, worst = extremes(model, dataset)

    def described(example):
        shown = segments(example)
        m = len(shown.get("tokens", example.attention))
        return {
            "number": example.number,
            "label": class_names[example.label],
            "prediction": class_names[example.prediction],
            "likelihood": float(np.exp(example.log_likelihood)),
            "attention": [round(float(share), 6) for share in example.attention[:m]],
            "true": example.true,
        } | shown

    ends = {"best": map(described, best), "worst": map(described, worst)}
    found = {name: list(examples) for name, examples in ends.items()}
    return {"way_to_predict": model.way_to_predict, **found}


def _png(pixels):
    """An image (h, w, 1 or 3), uint8, as a PNG in a URI."""
    file = io.BytesIO()
    image.imsave(file, np.broadcast_to(pixels, (*pixels.shape[:2], 3)), format="png")
    return data_uri("image/png", file.getvalue())
