"""Patches: one picture cut into squares, a segment a square."""

import keras
from keras import ops

from attention_zoo._checks import as_count


@keras.saving.register_keras_serializable(package="attention_zoo")
class Patches(keras.layers.Layer):
    """A picture as the squares that it is made of, line by line.

    Before `PerSegment` it makes an encoder of one picture, whose segments do not see one another:
    `keras.Sequential([Patches(32), PerSegment(network)])`.

    Args:
        size: height and width of a square, p, which divide those of the pictures.

    Attributes:
        grid: rows and columns of the squares, (H / p, W / p); None before it is built.

    Call arguments:
        pictures: (b, H, W, c).

    Returns:
        (b, (H / p) (W / p), p, p, c).
    """

    def __init__(self, size, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.size = as_count("size", size, least=1)
        self.grid = None

    def build(self, pictures_shape):
        self.grid = self.grid_of(pictures_shape)
        self.built = True

    def call(self, pictures):
        rows, columns = self.grid_of(pictures.shape)
        p, c = self.size, pictures.shape[3]
        x = ops.reshape(pictures, (-1, rows, p, columns, p, c))
        x = ops.transpose(x, (0, 1, 3, 2, 4, 5))  # (b, rows, columns, p, p, c)
        return ops.reshape(x, (-1, rows * columns, p, p, c))

    def compute_output_shape(self, pictures_shape):
        rows, columns = self.grid_of(pictures_shape)
        return (pictures_shape[0], rows * columns, self.size, self.size, pictures_shape[3])

    def grid_of(self, shape):
        """Rows and columns of the squares of pictures (b, H, W, c)."""
        if len(shape) != 4 or any(n is None or n % self.size for n in shape[1:3]):
            raise ValueError(
                f"pictures have shape {tuple(shape)}, expected (batch, height, width, channels), "
                f"height and width multiples of {self.size}"
            )
        return shape[1] // self.size, shape[2] // self.size

    def get_config(self):
        return super().get_config() | {"size": self.size}
