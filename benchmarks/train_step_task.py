"""What the contestants of train_step.py are given, and how much work it is."""

import dataclasses

import numpy as np

SHAPES = {  # as Keras has them: kernels (h, w, in, out) and (in, out), biases (out,)
    "focus": [(3, 3, 3, 32), (3, 3, 32, 64), (3, 3, 64, 64), (1024, 512), (512, 64), (64, 10)]
    + [(10, 1)],
    "classifier": [(5, 5, 3, 6), (6,), (5, 5, 6, 16), (16,), (400, 120), (120,), (120, 84), (84,)]
    + [(84, 10), (10,), (10, 3), (3,)],
}
PIXELS = {"focus": [30 * 30, 13 * 13, 4 * 4], "classifier": [28 * 28, 10 * 10]}  # of convolutions


@dataclasses.dataclass(frozen=True)
class Task:
    """What a contestant is given; equal in every process."""

    attention: str
    num_segments: int
    batch_size: int
    num_classes: int = 3
    learning_rate: float = 0.05
    momentum: float = 0.9
    num_images: int = 10_000
    num_batches: int = 8

    def __post_init__(self):
        rng = np.random.default_rng(0)
        set_field = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731
        coarse = rng.integers(0, 256, (self.num_images, 8, 8, 3), dtype="uint8")
        set_field("images", coarse.repeat(4, axis=1).repeat(4, axis=2))  # (N, 32, 32, 3)
        set_field("weights", {name: glorot(shapes, rng) for name, shapes in SHAPES.items()})
        set_field("batches", [self._batch(rng) for _ in range(self.num_batches)])

    def _batch(self, rng):
        b, m = self.batch_size, self.num_segments
        return {
            "rows": rng.integers(0, self.num_images, (b, m), dtype="int32"),
            "label": rng.integers(0, self.num_classes, b, dtype="int32"),
            "focus": rng.integers(0, m, b, dtype="int32"),
        }


def glorot(shapes, rng):
    """Kernels of the deviation of Glorot and Bengio, biases 0."""
    weights = []
    for shape in shapes:
        field = int(np.prod(shape[:-2]))
        deviation = 0.0 if len(shape) == 1 else (2 / (field * (shape[-2] + shape[-1]))) ** 0.5
        weights.append((deviation * rng.standard_normal(shape)).astype("float32"))
    return weights


def step_flops(setting):
    """Of convolutions and matrix products in a step: forward, and gradients of input and kernel."""
    b, m, soft = setting["batch_size"], setting["num_segments"], setting["attention"] == "soft"
    total = 0
    for name, shapes in SHAPES.items():
        kernels = [shape for shape in shapes if len(shape) > 1]
        pixels = PIXELS[name] + [1] * (len(kernels) - len(PIXELS[name]))
        products = [2 * p * int(np.prod(k)) for p, k in zip(pixels, kernels)]
        average = soft and name == "classifier"  # its input has a gradient, and is one image
        total += (b if average else b * m) * (3 * sum(products) - (0 if average else products[0]))
    return total
