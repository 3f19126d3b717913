"""SinusoidalPositions: tells a network where a token stands."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="attention_zoo")
class SinusoidalPositions(keras.layers.Layer):
    """Adds sines and cosines of the position to the features, these enlarged to their size.

        y_jk = sqrt(d) x_jk + sin(j / 10000^(2k/d))            k < d/2
        y_jk = sqrt(d) x_jk + cos(j / 10000^(2(k - d/2)/d))    otherwise

    Call arguments:
        x: features (b, m, d), d even.

    Returns:
        (b, m, d).

    Reference: Vaswani et al., NeurIPS 2017, arXiv:1706.03762; there sines and cosines alternate,
    here they stand apart, which only renames the features.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, x_shape):
        if x_shape[-1] % 2:
            raise ValueError(
                f"features have shape {tuple(x_shape)}, expected an even number of them"
            )
        self.built = True

    def call(self, x):
        half = x.shape[-1] // 2
        position = ops.cast(ops.arange(ops.shape(x)[1], dtype="int32"), "float32")[:, None]
        rate = ops.exp(ops.arange(half, dtype="float32") * (-9.210340371976184 / half))
        angle = position * rate  # (m, d/2)
        waves = ops.concatenate([ops.sin(angle), ops.cos(angle)], axis=-1)
        return x * x.shape[-1] ** 0.5 + ops.cast(waves, x.dtype)

    def compute_output_shape(self, x_shape):
        return x_shape
