"""OfNetwork: a layer around a network, which is saved with it."""

import keras


class OfNetwork(keras.layers.Layer):
    """A layer whose argument `network` is a Keras layer or model: its config holds that too.

    Inputs are cast by the network alone: one that begins with `Standardize` reads them unrounded.
    """

    def __init__(self, network, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.network = network

    def get_config(self):
        network = keras.saving.serialize_keras_object(self.network)
        return super().get_config() | {"network": network}

    @classmethod
    def from_config(cls, config):
        network = keras.saving.deserialize_keras_object(config["network"])
        return cls(**config | {"network": network})
