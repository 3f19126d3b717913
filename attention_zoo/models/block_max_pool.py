"""2×2 max pooling that is fast with and without XLA."""

import keras
from keras import ops

from attention_zoo._compiler import compiled_by_xla


@keras.saving.register_keras_serializable(package="attention_zoo")
class BlockMaxPool2D(keras.layers.Layer):
    """The maximum of each 2×2 block, (n, h, w, c) -> (n, h // 2, w // 2, c); odd edges are cut.

    Equal in value to `keras.layers.MaxPooling2D(2)`. Under XLA it is a reshape and a maximum,
    whose gradient is a comparison instead of select-and-scatter, which takes most of a training
    step on a CPU and is not deterministic on a GPU; equal maxima then share the gradient.
    Elsewhere it is TensorFlow's own kernel, whose gradient goes to the first of equal maxima.
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
        return ops.max(blocks, axis=(2, 4))

    def compute_output_shape(self, input_shape):
        n, h, w, c = input_shape
        return n, h and h // 2, w and w // 2, c  # None stays None
