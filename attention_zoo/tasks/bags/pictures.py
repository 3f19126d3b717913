"""Pictures of bags for a run's page: where attention lies on slides, the top instances."""

import dataclasses

import numpy as np

from attention_zoo import _tracing as tracing
from attention_zoo import plots
from attention_zoo.tasks.examples import (
    Extreme,
    are_pictures,
    as_bytes,
    described,
    ends_of,
    every_example,
    png,
)

TOP = 8  # instances of a bag that are shown
SLIDES = 4  # slides whose heat map is drawn
_NAMED = 3  # slides without coords that are named
SHOWN = (
    "Attention on the first {kind} bags, a square an instance where it was cut; the most attended "
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
    if not are_pictures(split.segment_shape):
        return None
    source = split.source

    def pictures(bag):
        return {"pictures": [png(as_bytes(image)) for image in source.read(bag.number)[bag.top]]}

    bags = [_shortened(one, source.lengths) for one in every_example(model, dataset)]
    return described(model, ends_of(bags), split.class_names, pictures)


def _shortened(one, lengths):
    """The `_Bag` of an `Extreme`, whose padding stands at its end."""
    a = one.attention[: lengths[one.number]]
    top = np.argsort(-a, kind="stable")[:TOP]
    true = np.flatnonzero(np.isin(top, one.true)).tolist()
    return _Bag(**vars(one) | {"attention": a[top], "true": true}, top=top)


def heat_maps(model, split):
    """{"heat_maps": figure} of the first slides of each class in turn; nothing without coords.

    Slides without coords are passed over; the figure names them.
    """
    source, instances = split.source, split.source.instances
    coords, lacking = _first_with_coords(source)
    if not coords:
        return {}
    predicted = [_predicted(model, source, number) for number in coords]
    focus, said = zip(*predicted, strict=True)
    names = split.class_names
    titles = [
        f"{'✓' if y == source.labels[number] else '✗'} {source.names[number]}: "
        f"{names[source.labels[number]]} → {names[y]}"
        for number, y in zip(coords, said, strict=True)
    ]
    figure = plots.heat_maps(
        list(coords.values()),
        focus,
        sizes=[instances.patch_size(number) for number in coords],
        thumbnails=[instances.thumbnail(number) for number in coords],
        extents=[instances.extent(number) for number in coords],
        titles=titles,
        note=_note(lacking),
    )
    return {"heat_maps": figure}


def _first_with_coords(source):
    """(coords, names): where the instances of the first bags are, by number; who has no coords."""
    coords, lacking = {}, []
    for number in _in_turn(source.labels):
        xy = source.instances.coords(number)
        if xy is None:
            lacking.append(source.names[number])
        else:
            coords[number] = xy
        if len(coords) == SLIDES:
            break
    return coords, lacking


def _note(lacking):
    """The names of bags without coords, the first few."""
    if not lacking:
        return ""
    more = f" and {len(lacking) - _NAMED} more" if len(lacking) > _NAMED else ""
    return f"no heat map, as there are no coords: {', '.join(lacking[:_NAMED])}{more}"


def _in_turn(labels):
    """The numbers of bags, a bag of every class in turn."""
    rank = np.array([np.sum(labels[:i] == y) for i, y in enumerate(labels)])
    return np.lexsort((labels, rank)).tolist()


def _predicted(model, source, number):
    """(attention (m,), class id) of a bag."""
    segments, mask, _, _ = source.padded([number])
    with tracing.expected():
        outputs = model.predict_on_batch({"segments": segments, "mask": mask})
    return outputs["focus"][0][mask[0]], int(outputs["label"][0].argmax())
