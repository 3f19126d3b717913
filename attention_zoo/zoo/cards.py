"""The card of a preset."""

from attention_zoo.zoo.card import card_of
from attention_zoo.zoo.preset import read_card


def card(preset):
    """The `Card` of a preset.

    Args:
        preset: one of `list()`, or the path of a preset's folder.

    Raises:
        ValueError: as of `FocusClassifier.from_preset`, or the preset has no card, or one that is
            none.
    """
    fields = read_card(preset)
    if fields is None:
        raise ValueError(f"preset {str(preset)!r} has no card, expected one saved with it")
    try:
        return card_of(fields)
    except ValueError as error:
        raise ValueError(f"preset {str(preset)!r}: {error}") from error
