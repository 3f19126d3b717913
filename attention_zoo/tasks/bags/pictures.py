"""Pictures of bags for a run's page: where attention lies on slides, the top instances."""

import dataclasses

import numpy as np

from attention_zoo import _tracing as tracing
from attention_zoo import plots
from attention_zoo.tasks.examples import Extreme, described, ends_of, every_example, png

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
    source = split.source

    def pictures(bag):
        return {"pictures": [png(_bytes(image)) for image in source.read(bag.number)[bag.top]]}

    bags = [_shortened(one, source.lengths) for one in every_example(model, dataset)]
    return described(model, ends_of(bags), split.class_names, pictures)


def _shortened(one, lengths):
    """The `_Bag` of an `Extreme`, whose padding stands at its end."""
    a = one.attention[: lengths[one.number]]
    top = np.argsort(-a, kind="stable")[:TOP]
    true = np.flatnonzero(np.isin(top, one.true)).tolist()
    return _Bag(**vars(one) | {"attention": a[top], "true": true}, top=top)


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
