"""A token encoder out of a Keras file: any model that begins with a look-up of strings."""

import keras

from attention_zoo._errors import first_line
from attention_zoo._paths import expanded
from attention_zoo.models.networks.token_encoder import TokenEncoder


def load_token_encoder(path):
    """The `TokenEncoder` made of a saved Keras model of tokens.

    Args:
        path: a `.keras` file of a model from strings (b, m), "" for padding, to features
            (b, m, d). It begins with a `keras.layers.StringLookup(mask_token="")` or a
            `keras.layers.TextVectorization(split=None, standardize="lower")` of tokens in lower
            case, as `TokenEncoder` looks them up, that has one id for all unknown tokens; what
            follows treats id 0 as absent, for example an `Embedding(mask_zero=True)`.

    Raises:
        ValueError: no such file, or no such model.
    """
    try:
        model = keras.models.load_model(expanded(path))
    except (OSError, ValueError, TypeError) as error:
        reason = first_line(error)
        raise ValueError(f"encoder {path} cannot be loaded ({reason}), {_EXPECTED}") from error
    lookups = [layer for layer in getattr(model, "layers", []) if isinstance(layer, _LOOKUPS)]
    if len(lookups) != 1:
        raise ValueError(f"encoder {path} has {len(lookups)} look-ups of strings, {_EXPECTED}")
    vocabulary = [str(token) for token in lookups[0].get_vocabulary()]
    if vocabulary[:2] != ["", "[UNK]"]:
        raise ValueError(
            f"encoder {path} gives ids 0 and 1 to {vocabulary[:2]}, expected '' and '[UNK]': a "
            'look-up with mask_token="" and one id for unknown tokens'
        )
    _check_case(path, lookups[0], vocabulary[2:])
    if len(model.output.shape) != 3:
        raise ValueError(
            f"encoder {path} gives shape {model.output.shape}, expected (batch, tokens, features)"
        )
    return TokenEncoder(vocabulary[2:], keras.Model(lookups[0].output, model.output))


def _check_case(path, lookup, vocabulary):
    """Raises ValueError where a `TokenEncoder` would give other ids than the file's look-up."""
    standardize = lookup.get_config().get("standardize")
    upper = next((token for token in vocabulary if token.lower() != token), None)
    if standardize not in (None, "lower") or upper is not None:
        found = f"standardize={standardize!r}" if upper is None else f"the token {upper!r}"
        raise ValueError(
            f"encoder {path} has {found} in its look-up, expected tokens in lower case and "
            "standardize None or 'lower'"
        )


_LOOKUPS = (keras.layers.StringLookup, keras.layers.TextVectorization)
_EXPECTED = "expected a .keras file of a model from strings to features, with one look-up"
