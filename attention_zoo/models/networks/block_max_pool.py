"""2×2 max pooling that is fast with and without XLA."""

import keras
from keras import ops

from attention_zoo._compiler import compiled_by_xla


@keras.saving.register_keras_serializable(package="attention_zoo")
class BlockMaxPool2D(keras.layers.Layer):
    """The maximum of each 2×2 block, (n, h, w, c) -> (n, h // 2, w // 2, c); odd edges are cut.

    Equal to `keras.layers.MaxPooling2D(2)` in value and gradient, which goes to the first of equal
    maxima. Outside XLA it is that kernel. Under XLA it is a reshape and comparisons: the kernel's
    gradient would be select-and-scatter, which takes most of a training step on a CPU and is not
    deterministic on a GPU.
    """

    def build(self, images_shape):
        if any(size is not None and size < 2 for size in images_shape[1:3]):
            raise ValueError(f"images have shape {images_shape}, expected 2×2 pixels or more")
        self.built = True

    def call(self, images):
        if not compiled_by_xla():
            return ops.max_pool(images, 2)
        n, h, w, c = ops.shape(images)
        images = images[:, : h // 2 * 2, : w // 2 * 2]
        blocks = ops.reshape(images, (-1, h // 2, 2, w // 2, 2, c))
        rows = [_larger(blocks[:, :, i, :, 0], blocks[:, :, i, :, 1]) for i in range(2)]
        return _larger(*rows)

    def compute_output_shape(self, input_shape):
        n, h, w, c = input_shape
        return n, h and h // 2, w and w // 2, c  # None stays None


def _larger(a, b):
    """The maximum, a where both are equal, NaN where one is."""
    return ops.where(ops.logical_or(a >= b, ops.isnan(a)), a, b)
