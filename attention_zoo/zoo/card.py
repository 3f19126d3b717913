"""Card: what is known of a trained model, and its page in Markdown."""

import dataclasses
import json
import math
import types
import typing


@dataclasses.dataclass(frozen=True, kw_only=True)
class Card:
    """A model card; what is not known is left empty.

    Attributes:
        name: of the preset.
        description: what it is, in a sentence or two.
        inputs: what it takes: shape, type and scale.
        classes: names of the classes, in the order of the labels.
        data: the test examples that the figures are of: the arguments of `az.datasets.load`.
        protocol: which examples it was trained on and which it was measured on.
        licence: where the data come from, and their licence.
        command: what trained it.
        seed: of data, weights and order.
        seconds: that the command took, from start to finish.
        machine: that it ran on.
        versions: of the packages that made the preset.
        num_examples: test examples, n: the shares below are multiples of 1 / n.
        figures: as of `Evaluation.scalars`: focus_accuracy, entropy (nats), and argmax_,
            marginal_ and soft_ before accuracy, nll (nats), FTPT, FFPT, FTPF and FFPF; or others.
        limits: what it is not good for, and what is not known.

    Raises:
        ValueError: an attribute is not of its type, or a number is not finite.
    """

    name: str
    description: str
    inputs: str = ""
    classes: tuple[str, ...] = ()
    data: dict[str, typing.Any] = dataclasses.field(default_factory=dict)
    protocol: str = ""
    licence: str = ""
    command: str = ""
    seed: int | None = None
    seconds: float | None = None
    machine: str = ""
    versions: dict[str, str] = dataclasses.field(default_factory=dict)
    num_examples: int | None = None
    figures: dict[str, float] = dataclasses.field(default_factory=dict)
    limits: tuple[str, ...] = ()

    def __post_init__(self):
        for name, hint in typing.get_type_hints(type(self)).items():
            value = getattr(self, name)
            if not _fits(value, hint):
                kind = "str" if hint is str else hint
                raise ValueError(f"the card's {name} is {value!r}, expected {kind}, numbers finite")

    def markdown(self):
        """The card as a page in Markdown."""
        return page(self)


def card_of(fields):
    """The `Card` that a mapping, as it comes from JSON, is of.

    Raises:
        ValueError: it is none, lacks name or description, has a strange name or a value that is
            not of its type.
    """
    if not isinstance(fields, dict):
        raise ValueError(f"the card is a {type(fields).__name__}, expected a mapping or a Card")
    known = [field.name for field in dataclasses.fields(Card)]
    for wrong, names in (
        ("has", fields.keys() - known),
        ("lacks", {"name", "description"} - fields.keys()),
    ):
        if names:
            raise ValueError(f"the card {wrong} {min(names)!r}, expected {known}")
    values: dict = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
    return Card(**values)


def fields_of(card):
    """The fields of a `Card`, or of a mapping that makes one, as they come back from JSON.

    Raises:
        ValueError: JSON cannot hold it, or as of `card_of`.
    """
    fields = dataclasses.asdict(card) if isinstance(card, Card) else card
    try:
        fields = json.loads(json.dumps(fields, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"the card is {fields!r}, expected what JSON can hold ({error})"
        ) from error
    card_of(fields)
    return fields


def _fits(value, hint):
    """Whether a value is of an annotated type; finite, if it is a number."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType:
        return any(_fits(value, part) for part in parts)
    if origin is tuple:
        return isinstance(value, tuple | list) and all(_fits(one, parts[0]) for one in value)
    if origin is dict:
        return isinstance(value, dict) and all(_fits(one, parts[1]) for one in value.values())
    if hint is float:
        return _fits(value, int) or isinstance(value, float) and math.isfinite(value)
    return hint is typing.Any or isinstance(value, hint) and not isinstance(value, bool)


_WAYS = ("argmax", "marginal", "soft")
_CELLS = ("accuracy", "nll", "FTPT", "FFPT", "FTPF", "FFPF")
_IN_THE_TABLE = [f"{way}_{cell}" for way in _WAYS for cell in _CELLS]


def page(card):
    """The page of a `Card`."""
    facts = [
        f"- {title}: {text}"
        for title, text in (
            ("inputs", card.inputs),
            ("classes", ", ".join(card.classes)),
            ("protocol", card.protocol),
            ("data", card.licence),
            ("command", card.command and f"`{card.command}`"),
            ("seed", card.seed),
            ("time", card.seconds and f"about {card.seconds:.0f} s"),
            ("machine", card.machine),
            ("versions", ", ".join(f"{k} {v}" for k, v in card.versions.items())),
        )
        if text not in ("", None)
    ]
    parts = [f"# {card.name}", card.description, "\n".join(facts)]
    if card.figures:
        parts += ["## Measured", _sentence(card), _table(card.figures)]
    if card.limits:
        parts += ["## Limits", "\n".join(f"- {limit}" for limit in card.limits)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _sentence(card):
    """Test examples, FT, attention entropy, and what the table has no place for."""
    parts = [] if card.num_examples is None else [f"{card.num_examples} test examples"]
    for name, value in card.figures.items():
        if name == "focus_accuracy":
            parts.append(f"focus true (FT) {100 * value:.1f} %")
        elif name == "entropy":
            parts.append(f"attention entropy {value:.3f} nats")
        elif name not in _IN_THE_TABLE:
            parts.append(f"{name} {value:.4g}")
    return ", ".join(parts)


def _table(figures):
    """The ways to predict of which there are figures, in percent; "–" is not known."""
    ways = [way for way in _WAYS if any(f"{way}_{cell}" in figures for cell in _CELLS)]
    if not ways:
        return ""
    lines = [
        "| prediction | accuracy, % | NLL, nats | FTPT, % | FFPT, % | FTPF, % | FFPF, % |",
        "|---" * 7 + "|",
    ]
    for way in ways:
        cells = [_cell(cell, figures.get(f"{way}_{cell}")) for cell in _CELLS]
        lines.append(f"| {' | '.join([way, *cells])} |")
    return "\n".join(lines)


def _cell(cell, value):
    if value is None:
        return "–"
    return f"{value:.4f}" if cell == "nll" else f"{100 * value:.1f}"
