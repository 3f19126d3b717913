"""Presets: trained models by name, or in a folder of one's own."""

import contextlib
import difflib
import textwrap
from pathlib import Path

import keras

from attention_zoo._paths import expanded
from attention_zoo._saving.loadable import check_loadable
from attention_zoo._saving.weights_file import save_weights
from attention_zoo.zoo import hub
from attention_zoo.zoo.card import card_of, fields_of
from attention_zoo.zoo.preset_folder import (
    CARD,
    CONFIG,
    METADATA,
    WEIGHTS,
    check,
    filling,
    read_json,
    seal,
    write_json,
)

PRESETS = Path(__file__).resolve().with_name("presets")


def preset_names():
    """The names of the presets that the package brings along, sorted."""
    return sorted(path.parent.name for path in PRESETS.glob(f"*/{METADATA}"))


def find_preset(preset):
    """The folder of a preset.

    Args:
        preset: one of `preset_names()`, the path of a folder, or an address on the Hugging Face
            Hub, "hf://user/name" or "hf://user/name@revision".

    Raises:
        ValueError: none of these, or more than one. ConnectionError, ImportError: as of
        `hub.fetch`.
    """
    if hub.is_address(preset):
        return hub.fetch(preset)
    names, folder = preset_names(), expanded(Path(preset))
    if preset in names and Path(preset).is_dir():
        raise ValueError(
            f"preset is {preset!r}, a name of the zoo and a folder here, expected './{preset}' for "
            "the folder; rename it for the other"
        )
    if preset in names:
        return PRESETS / preset
    if folder.is_dir():
        return folder
    close = difflib.get_close_matches(str(preset), names, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise ValueError(
        f"preset is {str(preset)!r}, expected a folder, hf://user/name or one of "
        f"{', '.join(names)}{hint}"
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
        ConnectionError, ImportError: as of `find_preset`.
    """
    folder = find_preset(preset)
    files = check(folder)
    model = _from_config(read_json(folder, CONFIG), f"preset {folder}")
    _load_weights(model, folder / WEIGHTS, f"preset {folder}")
    _name_classes(model, folder, files)
    return model


def upload_preset(preset, address):
    """Uploads a preset to the Hugging Face Hub: its files, and its card as README.md, in a commit.

    Needs huggingface_hub (`pip install 'attention-zoo[hub]'`), and a token that may write, as
    `hf auth login` or the variable HF_TOKEN give it.

    Args:
        preset: one of `preset_names()`, or the path of a folder.
        address: "hf://user/name"; the repository is made, public, if it is not there. After an @
            may stand a branch of it.

    Returns:
        The address of what was uploaded, "hf://user/name@commit", for `from_preset`.

    Raises:
        ValueError: no such preset, a damaged one, no address, or a repository that may not be
            written to. ConnectionError: the hub is not reached. ImportError: huggingface_hub is
            not installed.
    """
    folder = find_preset(preset)
    readme = card(folder).markdown() if CARD in check(folder) else None
    return hub.upload(folder, address, readme)


def _name_classes(model, folder, files):
    """Gives a model that has no names of its classes those of its card, where they are so many."""
    if getattr(model, "class_names", "") is not None or CARD not in files:
        return
    with contextlib.suppress(ValueError):  # a card of another hand, or of another task
        model.class_names = read_json(folder, CARD).get("classes") or None


def save_preset(model, directory, card=None):
    """Writes a built model as a preset, after it was made from its config once to try.

    Args:
        model: a built Keras model.
        directory: a new or empty folder; a new one is whole or not there.
        card: a `Card`, a dict of its fields, or None.

    Raises:
        ValueError: the model is not built or cannot be made from its config, a lookup layer has
            a vocabulary of `adapt` or `set_vocabulary`, the card is none, or the folder has files,
            which are left alone.
    """
    if not model.built:
        raise ValueError("the model is not built, expected one that was trained or called once")
    check_loadable(model)
    _check_vocabularies(model)
    fields = None if card is None else fields_of(card)
    _check_names(model, fields or {})
    with filling(directory) as folder:
        _write(model, folder, fields)


def _check_names(model, fields):
    """Raises where model and card name the classes differently."""
    names, others = getattr(model, "class_names", None), fields.get("classes")
    if names and others and list(names) != others:
        raise ValueError(f"the card has the classes {others}, expected the model's {list(names)}")


def _check_vocabularies(model):
    """Raises where a vocabulary is in neither config nor weights, and would be lost."""
    for layer in model._flatten_layers():
        if hasattr(layer, "get_vocabulary") and layer.get_config().get("vocabulary", "") is None:
            raise ValueError(
                f"the layer {layer.name} has a vocabulary of adapt or set_vocabulary, expected one "
                f"that it was made with: {type(layer).__name__}(vocabulary=...)"
            )


def _write(model, folder, fields):
    write_json(folder / CONFIG, _not_compiled(keras.saving.serialize_keras_object(model)))
    if fields is not None:
        write_json(folder / CARD, fields)
    everything = folder.with_name("everything.weights.h5")
    save_weights(model, everything)  # with the optimizer's
    twin = _from_config(read_json(folder, CONFIG), "the model")
    _load_weights(twin, everything, "the model")
    save_weights(twin, folder / WEIGHTS)
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
        model = keras.saving.deserialize_keras_object(config, safe_mode=True)
    except Exception as error:  # whatever the classes that it names make of their part
        raise ValueError(f"{whose} has a config that makes no model ({_brief(error)})") from error
    if not isinstance(model, keras.Model):
        kind = type(model).__name__
        raise ValueError(f"{whose} has a config that makes no model, but a {kind}, expected one")
    return model


def _load_weights(model, path, whose):
    try:
        model.load_weights(path)
    except (OSError, ValueError) as error:
        raise ValueError(f"{whose} has weights that do not fit it ({_brief(error)})") from error


def _brief(error):
    return textwrap.shorten(str(error), 300)


def card(preset):
    """The `Card` of a preset.

    Args:
        preset: one of `list()`, the path of a preset's folder, or its address on the hub.

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
