"""What the contestants of exported_inference.py are given."""

import dataclasses

import numpy as np
from train_step_task import SHAPES, glorot


@dataclasses.dataclass(frozen=True)
class Task:
    """Weights of the paper's CIFAR-10 networks, and one batch; equal in every process."""

    num_segments: int
    batch_size: int
    num_classes: int = 3

    @property
    def weights(self):
        """Kernels and biases by network, in the order and layout of Keras."""
        rng = np.random.default_rng(0)
        return {name: glorot(shapes, rng) for name, shapes in SHAPES.items()}

    @property
    def segments(self):
        """Pixels in [-1, 1], float32 (b, m, 32, 32, 3)."""
        shape = (self.batch_size, self.num_segments, 32, 32, 3)
        return np.random.default_rng(1).uniform(-1, 1, shape).astype("float32")
