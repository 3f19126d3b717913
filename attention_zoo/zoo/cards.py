"""Card: what is known of a trained model."""

import dataclasses
import typing

from attention_zoo.models.preset import read_card

_CELLS = ("FTPT", "FFPT", "FTPF", "FFPF")


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
            marginal_ and soft_ before accuracy, nll (nats), FTPT, FFPT, FTPF and FFPF.
        limits: what it is not good for, and what is not known.
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

    def markdown(self):
        """The card as a page in Markdown."""
        facts = [
            f"- {title}: {text}"
            for title, text in (
                ("inputs", self.inputs),
                ("classes", ", ".join(self.classes)),
                ("protocol", self.protocol),
                ("data", self.licence),
                ("command", self.command and f"`{self.command}`"),
                ("seed", self.seed),
                ("time", self.seconds and f"about {self.seconds:.0f} s"),
                ("machine", self.machine),
                ("versions", ", ".join(f"{k} {v}" for k, v in self.versions.items())),
            )
            if text not in ("", None)
        ]
        parts = [f"# {self.name}", self.description, "\n".join(facts)]
        if self.figures:
            parts += ["## Measured", self._measured()]
        if self.limits:
            parts += ["## Limits", "\n".join(f"- {limit}" for limit in self.limits)]
        return "\n\n".join(part for part in parts if part) + "\n"

    def _measured(self):
        """FT, entropy, and the table of the three ways to predict, in percent."""
        lines = [
            f"{self.num_examples} test examples; focus true (FT) {self._percent('focus_accuracy')} "
            f"%, attention entropy {self.figures['entropy']:.3f} nats; in percent, NLL in nats:",
            "",
            "| prediction | accuracy | NLL | " + " | ".join(_CELLS) + " |",
            "|---" * 7 + "|",
        ]
        for way in ("argmax", "marginal", "soft"):
            cells = [self._percent(f"{way}_{cell}") for cell in _CELLS]
            nll = f"{self.figures[f'{way}_nll']:.4f}"
            row = [way, self._percent(f"{way}_accuracy"), nll, *cells]
            lines.append(f"| {' | '.join(row)} |")
        return "\n".join(lines)

    def _percent(self, figure):
        return f"{100 * self.figures[figure]:.1f}"


def card(preset):
    """The `Card` of a preset.

    Args:
        preset: one of `list()`, or the path of a preset's folder.

    Raises:
        ValueError: as of `FocusClassifier.from_preset`, or the preset has no card.
    """
    fields = read_card(preset)
    if fields is None:
        raise ValueError(f"preset {str(preset)!r} has no card, expected one saved with it")
    known = [field.name for field in dataclasses.fields(Card)]
    for wrong, names in (
        ("has", fields.keys() - known),
        ("lacks", {"name", "description"} - fields.keys()),
    ):
        if names:
            raise ValueError(
                f"the card of preset {str(preset)!r} {wrong} {min(names)!r}, expected {known}"
            )
    return Card(**fields | {name: tuple(fields.get(name, ())) for name in ("classes", "limits")})
