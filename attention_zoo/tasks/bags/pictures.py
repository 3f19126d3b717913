"""Pictures of bags for a run's page: where attention lies on slides, the top instances."""

import dataclasses

import numpy as np

from attention_zoo import _tracing as tracing
from attention_zoo import plots
from attention_zoo.tasks.examples import Extreme, ends_of, png

TOP = 8  # instances of a bag that are shown
SLIDES = 4  # slides whose heat map is drawn
SHOWN = (
    "Attention on the first test bags, a square an instance where it was cut; the most attended "
    "is framed. ✓ ✗ true label → prediction."
)


@dataclasses.dataclass(frozen=True, eq=False)
class _Bag(Extreme):
    """An example of which only the most attended instances are kept.

    Attributes:
        attention: of these, the largest first.
        true: which of these are key instances.
        top: their numbers in the bag.
    """

    top: np.ndarray


def bag_examples(model, split, dataset):
    """`examples.json` of bags: pictures of their most attended instances; None without images."""
    if len(split.segment_shape) != 3 or split.segment_shape[2] not in (1, 3):
        return None
    best, worst = ends_of(list(_bags(model, dataset)))
    ends = {"best": best, "worst": worst}
    found = {name: [_described(one, split) for one in ones] for name, ones in ends.items()}
    return {"way_to_predict": model.way_to_predict, **found}


def _bags(model, dataset):
    """A `_Bag` for every bag."""
    first = 0
    for inputs, truth in dataset:
        with tracing.expected():
            outputs = model.predict_on_batch(inputs)
        labels, keys, mask = (
            np.asarray(x) for x in (truth["label"], truth["focus"], inputs["mask"])
        )
        for i, label in enumerate(labels):
            a, log_p = outputs["focus"][i][mask[i]], outputs["label"][i]
            top = np.argsort(-a, kind="stable")[:TOP]
            yield _Bag(
                number=first + i,
                label=int(label),
                prediction=int(log_p.argmax()),
                log_likelihood=float(log_p[label]),
                attention=a[top],
                true=np.flatnonzero(keys[i][mask[i]][top]).tolist(),
                top=top,
            )
        first += len(labels)


def _described(one, split):
    names, images = split.class_names, split.source.read(one.number)[one.top]
    return {
        "number": one.number,
        "label": names[one.label],
        "prediction": names[one.prediction],
        "likelihood": float(np.exp(one.log_likelihood)),
        "attention": [round(float(share), 6) for share in one.attention],
        "true": one.true,
        "pictures": [png(_bytes(image)) for image in images],
    }


def _bytes(image):
    """Pixels as bytes: floats are stretched from their least to their largest."""
    if image.dtype == np.uint8:
        return image
    low, high = image.min(), image.max()
    return np.uint8(np.rint(255 * (image - low) / max(high - low, 1e-12)))


def heat_maps(model, split):
    """{"heat_maps": figure} of the first slides of each class in turn; nothing without coords."""
    source = split.source
    chosen = _spread(source.labels)
    coords = [source.instances.coords(number) for number in chosen]
    if not coords or any(xy is None for xy in coords):
        return {}
    focus, said = zip(*(_predicted(model, source, number) for number in chosen), strict=True)
    names = split.class_names
    titles = [
        f"{'✓' if y == source.labels[number] else '✗'} {source.names[number]}: "
        f"{names[source.labels[number]]} → {names[y]}"
        for number, y in zip(chosen, said, strict=True)
    ]
    figure = plots.heat_maps(
        coords,
        focus,
        sizes=[source.instances.patch_size(number) for number in chosen],
        thumbnails=[source.instances.thumbnail(number) for number in chosen],
        titles=titles,
    )
    return {"heat_maps": figure}


def _spread(labels):
    """The numbers of the first bags, a bag of every class in turn."""
    rank = np.array([np.sum(labels[:i] == y) for i, y in enumerate(labels)])
    return np.lexsort((labels, rank))[:SLIDES].tolist()


def _predicted(model, source, number):
    """(attention (m,), class id) of a bag."""
    segments, mask, _, _ = source.padded([number])
    with tracing.expected():
        outputs = model.predict_on_batch({"segments": segments, "mask": mask})
    return outputs["focus"][0][mask[0]], int(outputs["label"][0].argmax())
