"""Presets: trained models by name, or in a folder of one's own."""

import dataclasses
import difflib
import os
import tempfile
import textwrap
from pathlib import Path

import keras

from attention_zoo.models.preset_folder import (
    CARD,
    CONFIG,
    METADATA,
    WEIGHTS,
    check,
    read_json,
    seal,
    write_json,
)

PRESETS = Path(__file__).resolve().parents[1] / "zoo" / "presets"


def preset_names():
    """The names of the presets that the package brings along, sorted."""
    return sorted(path.parent.name for path in PRESETS.glob(f"*/{METADATA}"))


def find_preset(preset):
    """The folder of a preset.

    Args:
        preset: one of `preset_names()`, or the path of a folder.

    Raises:
        ValueError: neither.
    """
    names = preset_names()
    if preset in names:
        return PRESETS / preset
    if Path(preset).is_dir():
        return Path(preset)
    close = difflib.get_close_matches(str(preset), names, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise ValueError(
        f"preset is {str(preset)!r}, expected a folder or one of {', '.join(names)}{hint}"
    )


def read_card(preset):
    """The content of a preset's card.json; None if it was saved without a card."""
    folder = find_preset(preset)
    return read_json(folder, CARD) if CARD in check(folder) else None


def load_preset(preset):
    """The model of a preset, built, with its weights, not compiled.

    Args:
        preset: as in `find_preset`.

    Raises:
        ValueError: an unknown name, no preset, one of a later format, or a damaged one.
    """
    folder = find_preset(preset)
    check(folder)
    model = _from_config(read_json(folder, CONFIG), f"preset {folder}")
    _load_weights(model, folder / WEIGHTS, f"preset {folder}")
    return model


def save_preset(model, directory, card=None):
    """Writes a built model as a preset, after it was made from its config once to try.

    A vocabulary that a layer learned by `adapt` is in neither config nor weights and is lost: give
    it to the layer as an argument.

    Args:
        model: a built Keras model.
        directory: a new or empty folder; it is whole or not there.
        card: a dict or dataclass that JSON can hold, or None.

    Raises:
        ValueError: the model is not built or cannot be made from its config, or the folder has
            files, which are left alone.
    """
    if not model.built:
        raise ValueError("the model is not built, expected one that was trained or called once")
    target = Path(directory).resolve()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ValueError(f"{target} is there already, expected a new or empty folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".writing-") as temporary:
        folder = Path(temporary) / "preset"
        folder.mkdir()
        _write(model, folder, card)
        os.replace(folder, target)


def _write(model, folder, card):
    write_json(folder / CONFIG, _not_compiled(keras.saving.serialize_keras_object(model)))
    if card is not None:
        fields = card if isinstance(card, dict) else dataclasses.asdict(card)
        write_json(folder / CARD, fields)
    everything = folder.with_name("everything.weights.h5")
    model.save_weights(everything)  # with the optimizer's
    twin = _from_config(read_json(folder, CONFIG), "the model")
    _load_weights(twin, everything, "the model")
    twin.save_weights(folder / WEIGHTS)
    seal(folder)


def _not_compiled(config):
    """A serialised object without the compile state of models in it."""
    if isinstance(config, dict):
        return {k: _not_compiled(v) for k, v in config.items() if k != "compile_config"}
    if isinstance(config, list | tuple):
        return [_not_compiled(one) for one in config]
    return config


def _from_config(config, whose):
    try:
        return keras.saving.deserialize_keras_object(config, safe_mode=True)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{whose} has a config that makes no model ({_brief(error)})") from error


def _load_weights(model, path, whose):
    try:
        model.load_weights(path)
    except (OSError, ValueError) as error:
        raise ValueError(f"{whose} has weights that do not fit it ({_brief(error)})") from error


def _brief(error):
    return textwrap.shorten(str(error), 300)
