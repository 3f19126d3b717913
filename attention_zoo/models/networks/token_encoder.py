"""TokenEncoder: features of tokens, and the vocabulary that turns tokens into ids."""

import keras
from keras import ops as kops

from attention_zoo._text import lower
from attention_zoo.layers.masks import conjunction, keras_mask
from attention_zoo.models.networks.word_encoder import WordEncoder


@keras.saving.register_keras_serializable(package="attention_zoo")
class TokenEncoder(WordEncoder):
    """The encoder of a `FocusClassifier` of texts: a segment is a token.

        id = 0 for "", 1 for a token that is not in the vocabulary, 2 and more for one that is
        features = network(ids)

    A masked token is given to the network as id 0, which it has to treat as absent; so is one
    whose id is 0. Case is ignored, of all of Unicode. The vocabulary is saved with the layer.

    Args:
        vocabulary: list of distinct lower-case tokens.
        network: Keras layer or model of ids, int (b, m) -> features (b, m, d).
        case: "unicode", or "ascii" for a vocabulary in which ASCII letters alone are in lower case,
            as of models that were saved before `case` was.

    Call arguments:
        ids: (b, m).
        mask: bool (b, m), True for the tokens that are there; it holds together with the mask that
            Keras keeps with the ids.

    Returns:
        Features (b, m, d), with a Keras mask.
    """

    def __init__(self, vocabulary, network, case="unicode", **kwargs):
        super().__init__(autocast=False, **kwargs)
        if case not in _STANDARDIZE:
            raise ValueError(f"case is {case!r}, expected one of {list(_STANDARDIZE)}")
        self.case = case
        self.vocabulary = tuple(vocabulary)
        self.network = network
        self.supports_masking = True
        self.vectorization = keras.layers.TextVectorization(
            standardize=_STANDARDIZE[case],
            split=None,
            vocabulary=list(vocabulary),
            dtype="int32",
        )

    def look_up(self, tokens):
        return self.vectorization(tokens)

    def build(self, ids_shape):
        self.built = True

    def call(self, ids, mask=None, training=None):
        return self.network(self._present(ids, mask), training=training)

    def compute_mask(self, ids, mask=None):
        return kops.not_equal(self._present(ids, mask), 0)

    def _present(self, ids, mask):
        mask = conjunction(mask, keras_mask(ids))
        ids = kops.cast(ids, "int32")
        return ids if mask is None else kops.where(mask, ids, 0)

    def get_config(self):
        network = keras.saving.serialize_keras_object(self.network)
        own = {"vocabulary": list(self.vocabulary), "network": network, "case": self.case}
        return super().get_config() | own

    @classmethod
    def from_config(cls, config):
        network = keras.saving.deserialize_keras_object(config["network"])
        return cls(**{"case": "ascii"} | config | {"network": network})


_STANDARDIZE = {"unicode": lower, "ascii": "lower"}
