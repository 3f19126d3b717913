"""Frozen: a network whose weights stay, run in training as in prediction."""

import keras

from attention_zoo.layers.of_network import OfNetwork
from attention_zoo.layers.output_spec import output_spec


@keras.saving.register_keras_serializable(package="attention_zoo")
class Frozen(OfNetwork):
    """y = network(x) without dropout, also while the layers around it are trained.

    So a network gives the same features in every step, as those that are computed once.

    Args:
        network: a built Keras layer or model that maps (n, ...) to (n, ...); it is no more trained.

    Call arguments:
        x: (n, ...).
    """

    def __init__(self, network, **kwargs):
        super().__init__(network, **kwargs)
        network.trainable = False

    def build(self, input_shape):
        self.built = True

    def call(self, x):
        return self.network(x, training=False)

    def compute_output_spec(self, x):
        return output_spec(self.network, x.shape, x.dtype)
