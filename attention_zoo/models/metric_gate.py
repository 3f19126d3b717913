"""Seen: whether something was so in the steps since the last reset."""

import keras
from keras import ops


class Seen:
    """Whether something was so in a step, or on a replica, since the last reset.

    Kept in a variable: Python code runs when a step is traced, not when it is taken. The variable
    is none of a model's own, which would save it with the weights.
    """

    def __init__(self):
        self._count = keras.Variable(
            0.0,
            dtype="float32",
            trainable=False,
            aggregation="sum",
            synchronization="on_read",
            name="seen",
        )

    def mark(self):
        """To be called in the steps where it is so."""
        self._count.assign(1.0)

    def mark_where(self, condition):
        """To be called in every step with a bool scalar, whether it is so there."""
        self._count.assign(ops.maximum(self._count, ops.cast(condition, "float32")))

    def reset(self):
        self._count.assign(0.0)

    def value(self):
        """True or False, or None where a step is being traced and nobody knows."""
        seen = ops.greater(self._count, 0.0)
        return bool(seen) if hasattr(seen, "numpy") else None
