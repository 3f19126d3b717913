"""KerasHub, imported on first use: presets by folder or handle, tokenizers with their words."""

import base64
import functools
import json
from pathlib import Path

import keras

from attention_zoo._errors import first_line
from attention_zoo._paths import expanded


def keras_hub():
    """The module `keras_hub`.

    Raises:
        ImportError: it is not installed.
    """
    try:
        import keras_hub
    except ImportError as error:
        raise ImportError(
            f"keras_hub cannot be imported ({first_line(error)}), expected it for pretrained "
            "encoders: pip install attention-zoo[pretrained]"
        ) from error
    return keras_hub


def load_backbone(preset):
    """The backbone of a preset with its weights, under Keras's present dtype policy.

    Args:
        preset: a folder, KerasHub's or Hugging Face's, or a handle such as "bert_tiny_en_uncased",
            "hf://user/name" or "kaggle://user/model/keras/name".

    Raises:
        ValueError: there is no such preset, or no way to it. ImportError: without KerasHub.
    """
    load = keras_hub().models.Backbone.from_preset
    return _loaded(functools.partial(load, dtype=keras.config.dtype_policy().name), preset)


def load_tokenizer(preset):
    """The tokenizer of a preset; arguments and errors as of `load_backbone`."""
    of_preset = keras_hub().tokenizers.Tokenizer.from_preset
    return _loaded(lambda path: _word_pieces(path) or of_preset(path), preset)


def tokenizer_config(tokenizer):
    """A serialised tokenizer with its vocabulary, which KerasHub keeps in files beside it."""
    config = keras.saving.serialize_keras_object(tokenizer)
    if getattr(tokenizer, "proto", None) is not None:  # of SentencePiece
        own = {"proto": base64.b64encode(tokenizer.proto).decode()}
    else:
        names = ("vocabulary", "merges", "split_on_cjk")
        own = {name: getattr(tokenizer, name) for name in names if hasattr(tokenizer, name)}
    return config | {"config": config["config"] | own}


def _loaded(load, preset):
    try:
        return load(str(expanded(preset)))
    except Exception as error:  # each hub has errors of its own, and so has each of its protocols
        reason = first_line(error).rstrip(":")
        raise ValueError(f"preset {str(preset)!r} cannot be loaded ({reason}), {_EXPECTED}") from (
            error
        )


def _word_pieces(folder):
    """The tokenizer of a folder of Hugging Face's that has tokenizer.json and no vocab.txt.

    KerasHub reads vocab.txt alone. None for all other presets.
    """
    path = Path(folder) / "tokenizer.json"
    if not path.is_file() or path.with_name("vocab.txt").exists():
        return None
    content = json.loads(path.read_text("utf-8"))
    model = content.get("model", {})
    if model.get("type", "WordPiece") != "WordPiece" or "max_input_chars_per_word" not in model:
        return None
    normalizer = content.get("normalizer") or {}
    return _word_piece_class(path.with_name("config.json"))(
        vocabulary=sorted(model["vocab"], key=model["vocab"].get),
        lowercase=bool(normalizer.get("lowercase")),
        strip_accents=_strips_accents(normalizer),
    )


def _word_piece_class(config):
    """The tokenizer's class, by the config.json of its model."""
    is_distilled = json.loads(config.read_text("utf-8")).get("model_type") == "distilbert"
    models = keras_hub().models
    return models.DistilBertTokenizer if is_distilled else models.BertTokenizer


def _strips_accents(normalizer):
    """BERT's rule: as it says, or else where it makes letters lower case."""
    said = normalizer.get("strip_accents")
    return bool(normalizer.get("lowercase") if said is None else said)


_EXPECTED = (
    "expected a preset of KerasHub: a folder, or a handle such as 'bert_tiny_en_uncased' or "
    "'hf://user/name', and a network to fetch it by"
)
