"""A model card as a page in Markdown."""

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
