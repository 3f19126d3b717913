"""Examples of a run's page, prepared for its template."""

import dataclasses

_ENDS = {
    "worst": "Lowest likelihood of the true label",
    "best": "Highest likelihood of the true label",
}
_NUMBERED = 10  # up to so many segments a full bar is attention 1, as in `plots.mosaics`


@dataclasses.dataclass(frozen=True)
class Segment:
    """A segment of an example.

    Attributes:
        attention: its share.
        depth: 0 to 1: of its bar or shade.
        chosen: whether it is the most attended (of equals the first).
        true: whether it is the true one, or of the rationale.
        picture: its data, or "".
        token: its text, or "".
    """

    attention: float
    depth: float
    chosen: bool
    true: bool
    picture: str
    token: str


@dataclasses.dataclass(frozen=True)
class Example:
    """An example: what it is, what was predicted, and its segments.

    Where its truth is `known`, no segment here may be true: of a bag only some are shown.
    """

    number: int
    label: str
    prediction: str
    likelihood: float
    known: bool
    segments: list[Segment]


def ends(run):
    """(title, `Example`s) of the least and the most likely examples, as far as there are some."""
    return [
        (title, [_example(one) for one in run.examples[end]])
        for end, title in _ENDS.items()
        if run.examples.get(end)
    ]


def are_posts(run):
    """Whether the examples are posts."""
    return any("tokens" in one for end in _ENDS for one in run.examples.get(end, []))


def are_relative(run):
    """Whether a full bar, or the deepest shade, is an example's largest attention rather than 1."""
    return any(_is_relative(one) for end in _ENDS for one in run.examples.get(end, []))


def _is_relative(one):
    return len(one["attention"]) > _NUMBERED or "tokens" in one


def _example(one):
    return Example(
        number=one["number"],
        label=one["label"],
        prediction=one["prediction"],
        likelihood=one["likelihood"],
        known=one.get("known", bool(one["true"])),  # earlier versions do not say
        segments=_segments(one),
    )


def _segments(one):
    attention = one["attention"]
    pictures, tokens = (one.get(name, [""] * len(attention)) for name in ("pictures", "tokens"))
    largest = max(attention, default=0.0)
    full = max(largest, 1e-12) if _is_relative(one) else 1.0
    chosen = attention.index(largest) if largest > 0 else None
    return [
        Segment(a, a / full, j == chosen, j in one["true"], pictures[j], tokens[j])
        for j, a in enumerate(attention)
    ]
