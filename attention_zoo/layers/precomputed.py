"""Precomputed: an encoder that takes its own features, too."""

import inspect

import keras

from attention_zoo.layers.output_spec import output_spec


@keras.saving.register_keras_serializable(package="attention_zoo")
class Precomputed(keras.layers.Layer):
    """An encoder in whose place its features may be given, which are passed on as they are.

    For a frozen encoder, whose features are computed once (`datasets.cached_features`): the model
    is trained on these, and predicts and is exported with the encoder in it. What is given is told
    by its rank. It is built with what the encoder reads.

    Args:
        encoder: a layer or model that gives another rank than it takes, such as
            `PerSegment` of images or `Regions`.

    Call arguments:
        inputs: what the encoder takes, or (b, m, ...) as it gives.
        mask: bool (b, m), for an encoder whose `call` takes one.

    Returns:
        Features (b, m, ...).
    """

    def __init__(self, encoder, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.encoder = encoder
        self.supports_masking = True
        self._ranks: tuple[int, int] | None = None

    @property
    def input_ranks(self):
        """Of what a call takes: what the encoder reads, and its features."""
        return self._ranks

    def build(self, input_shape):
        features = output_spec(self.encoder, (None, *input_shape[1:])).shape
        if len(features) == len(input_shape):
            raise ValueError(
                f"encoder gives shape {features} of shape {tuple(input_shape)}, expected another "
                "rank, by which features are told from what it reads"
            )
        self._ranks = len(input_shape), len(features)
        self.built = True

    def call(self, inputs, mask=None, training=None):
        if self.are_features(inputs):
            return inputs
        takes_mask = "mask" in inspect.signature(self.encoder.call).parameters
        return self.encoder(inputs, training=training, **({"mask": mask} if takes_mask else {}))

    def are_features(self, inputs):
        """Whether these are features, by their rank, and not what the encoder reads."""
        return self._ranks is not None and len(inputs.shape) == self._ranks[1]

    def get_config(self):
        encoder = keras.saving.serialize_keras_object(self.encoder)
        return super().get_config() | {"encoder": encoder}

    @classmethod
    def from_config(cls, config):
        encoder = keras.saving.deserialize_keras_object(config["encoder"])
        return cls(**config | {"encoder": encoder})
