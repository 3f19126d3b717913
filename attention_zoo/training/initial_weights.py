"""Weights to start from: a file of them, a model, a finished run, or a preset."""

import itertools
import tempfile
from pathlib import Path

import h5py
import keras
from absl import logging

from attention_zoo._errors import first_line
from attention_zoo._paths import expanded
from attention_zoo.models import FocusClassifier
from attention_zoo.models.networks.lora import FACTORS, KERNEL


def load_initial_weights(model, source):
    """Gives a built model the weights of another.

    A file of weights has to fit; it does not say of which words and classes it is, so that they
    have to be the model's own, in the same order. Of a model, variables are taken one by one, if it
    has the same words; those of the last layer of a FocusClassifier's classifier may be of other
    classes, more, or in another order, and are then left as they are: fine-tuning on other classes.
    The attention's own are no weights to start from: a hybrid begins in its first phase, whatever
    attention the other model has, and in whatever phase.

    Args:
        model: to be given the weights.
        source: a file of weights (.weights.h5), a model (.keras), the folder of a run, a preset's
            name, folder or address; None for none.

    Raises:
        ValueError: there is no such thing, or its weights do not fit.
    """
    if source is None:
        return
    try:
        if str(source).endswith(".h5"):
            _load_networks(model, expanded(source))
        else:
            _copy(_load(source), model)
    except (OSError, ValueError, TypeError) as error:
        reason = first_line(error)
        raise ValueError(
            f"initial_weights is {str(source)!r}, expected weights that fit the model ({reason})"
        ) from error


def _load_networks(model, path):
    """All of a file of weights but the attention's own."""
    attention = _of_attention(model)
    begun = [keras.ops.copy(variable) for variable in attention]
    _check_has_place_for(model, path)
    model.load_weights(path)
    for variable, value in zip(attention, begun, strict=True):
        variable.assign(value)


def _check_has_place_for(model, path):
    """Raises ValueError for weights of a file that Keras would pass over without a word."""
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder, "own.weights.h5")
        model.save_weights(own)
        left = sorted(_names_of_networks(path) - _names_of_networks(own))
    if left:
        raise ValueError(f"the file has {left[0]}, which the model has no place for")


def _names_of_networks(path):
    """Names of the arrays of a file of weights but the attention's and the optimizer's."""
    names: list[str] = []
    with h5py.File(path) as file:
        file.visit(names.append)
        arrays = {name for name in names if isinstance(file[name], h5py.Dataset)}
    parts = {name: name.split("/") for name in arrays}
    lora = (KERNEL, *FACTORS)  # in the weights themselves, too
    return {
        name
        for name, (first, *_, last) in parts.items()
        if first not in ("attention", "optimizer") and last not in lora
    }


def _of_attention(model):
    """The variables of a model's attention: a phase, seeds."""
    return getattr(getattr(model, "attention", None), "variables", [])


def _of_networks(model):
    """All other variables."""
    attention = {id(variable) for variable in _of_attention(model)}
    return [variable for variable in model.weights if id(variable) not in attention]


def _load(source):
    """The model of a .keras file, of a run's folder, or of a preset."""
    path = expanded(Path(source))
    if (path / "model.keras").is_file():
        path = path / "model.keras"
    if path.suffix == ".keras":
        return keras.saving.load_model(path, compile=False)
    return FocusClassifier.from_preset(source)


def _copy(source, model):
    """Sets the variables of a model to those of another, one by one."""
    given, own = _of_networks(source), _of_networks(model)
    if type(source) is not type(model) or len(given) != len(own):
        raise ValueError(
            f"a {type(source).__name__} of {len(given)} variables for a "
            f"{type(model).__name__} of {len(own)}{_hint(source, model)}"
        )
    _check_words(source, model)
    head = {id(variable) for variable in _head(model)}
    other_classes = _other_classes(source, model)
    if other_classes and not head:
        raise ValueError(f"{other_classes}, and the classifier has no last layer to start anew")
    for theirs, mine in zip(given, own, strict=True):
        if id(mine) in head and other_classes:
            logging.warning("%s starts anew: %s", mine.path, other_classes)
        elif theirs.shape == mine.shape:
            mine.assign(theirs)
        elif id(mine) in head:
            logging.warning("%s of %s starts anew, as %s", mine.path, theirs.shape, mine.shape)
        else:
            raise ValueError(f"{theirs.path} {theirs.shape} for {mine.path} {mine.shape}")


def _check_words(source, model):
    """Raises ValueError where vectors of words would be taken for those of other words."""
    for theirs, mine in zip(_vocabularies(source), _vocabularies(model), strict=False):
        pairs = itertools.zip_longest(theirs, mine)
        for number, (there, here) in enumerate(pairs):
            if there != here:
                raise ValueError(f"word {number} is {there!r} there, {here!r} here")


def _vocabularies(model):
    """The words of a model's parts that know theirs, in the order of their ids."""
    return [words for part in model._flatten_layers() if (words := _vocabulary(part)) is not None]


def _vocabulary(part):
    """The words that a layer, model or tokenizer makes ids of; None where it makes none."""
    words = getattr(part, "vocabulary", None)
    if isinstance(words, dict):
        return sorted(words, key=lambda word: words[word])
    if isinstance(words, list | tuple):
        return [*words]
    found = getattr(part, "get_vocabulary", None)
    return None if found is None else [str(word) for word in found()]


def _other_classes(source, model):
    """How the classes of two models differ, where both have names; "" where they do not."""
    there, here = (list(getattr(one, "class_names", None) or ()) for one in (source, model))
    is_known = there and here
    return f"its classes are {there} there, {here} here" if is_known and there != here else ""


def _hint(source, model):
    """Which setting makes up the difference, where it is known."""
    has = [getattr(one, "standardize", None) is not None for one in (source, model)]
    return "" if has[0] == has[1] else f": standardize is {has[0]} there, {has[1]} here"


def _head(model):
    """The variables of the classifier's last layer that has any; of a model that has one."""
    classifier = getattr(model, "classifier", None)
    layers = getattr(classifier, "layers", [] if classifier is None else [classifier])
    layers = [layer for layer in layers if layer.weights]
    return layers[-1].weights if layers else []
