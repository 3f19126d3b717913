"""Base images in memory, as a feature cache reads them."""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from attention_zoo.datasets.fingerprint import fingerprint
from attention_zoo.datasets.mosaics.mosaics import gather_segments


@dataclasses.dataclass(frozen=True, eq=False)
class ImageArray:
    """n images in memory, for `cached_features`.

    Attributes:
        images: (n, h, w, c), uint8, which are scaled to [-1, 1], or floating.
    """

    images: Any = dataclasses.field(repr=False)

    def __len__(self):
        return len(self.images)

    @property
    def shape(self):
        """Of one image, (h, w, c)."""
        return tuple(self.images.shape[1:])

    def identity(self):
        """What tells the images from others in the name of a cache."""
        return (self.fingerprint(),)

    def fingerprint(self):
        """A `fingerprint` of the images."""
        return fingerprint(np.asarray(self.images))

    def attach(self, batches, batch_size):
        """Batches of (numbers (b,), which images (b,)) -> (numbers, images, readable (b,))."""
        with tf.device("CPU:0"):  # once, outside the graph
            images = tf.convert_to_tensor(self.images)

        def attached(numbers, rows):
            return numbers, gather_segments(images, rows), tf.ones_like(rows, tf.bool)

        return batches.map(attached)
