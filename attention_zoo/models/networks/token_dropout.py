"""TokenDropout: tokens that training takes for unknown ones."""

import keras
from keras import ops

from attention_zoo._random import uniform


@keras.saving.register_keras_serializable(package="attention_zoo")
class TokenDropout(keras.layers.Layer):
    """In training every token turns into the unknown one with probability `rate`.

    So no post can be learnt by heart by its rare tokens, and the unknown token gets a meaning:
    that of any token. Padding stays padding.

    Args:
        rate: probability, from 0 to below 1.
        unknown: id of the unknown token.
        seed: int, where the random numbers start; None takes a random one.

    Call arguments:
        ids: int (b, m), 0 for padding.

    Returns:
        Ids (b, m).
    """

    def __init__(self, rate, unknown=1, seed=None, **kwargs):
        super().__init__(autocast=False, **kwargs)
        if not 0 <= rate < 1:
            raise ValueError(f"rate is {rate}, expected 0 or more, and below 1")
        self.rate, self.unknown, self.seed = rate, unknown, seed
        self.supports_masking = True
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, ids_shape):
        self.built = True

    def call(self, ids, training=None):
        if not training:
            return ids
        dropped = uniform(ops.shape(ids), self.seed_generator) < self.rate
        return ops.where(ops.logical_and(dropped, ops.not_equal(ids, 0)), self.unknown, ids)

    def compute_output_shape(self, ids_shape):
        return ids_shape

    def compute_output_spec(self, ids, training=None):
        return keras.KerasTensor(ids.shape, dtype=ids.dtype)

    def get_config(self):
        return super().get_config() | {
            "rate": self.rate,
            "unknown": self.unknown,
            "seed": self.seed,
        }
