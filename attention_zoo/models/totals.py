"""Total and Seen: sums over the steps since the last reset, and whether something was so."""

import keras
from keras import ops


class Total:
    """A sum over the steps, and over the replicas, since the last reset.

    Kept in a variable: Python code runs when a step is traced, not when it is taken. The variable
    is none of a model's own, which would save it with the weights.
    """

    def __init__(self):
        self._sum = keras.Variable(
            0.0,
            dtype="float32",
            trainable=False,
            aggregation="sum",
            synchronization="on_read",
            name="total",
        )

    def add(self, x):
        """To be called in a step, with a scalar."""
        self._sum.assign(self._sum + ops.cast(x, "float32"))

    def reset(self):
        self.set(0.0)

    def set(self, value):
        """Sets the sum over all replicas; not in a step."""
        self._sum.assign(float(value))

    def value(self):
        """A float, or None where a step is being traced and nobody knows."""
        total = ops.add(self._sum, 0.0)  # a tensor, where the variable may be many
        return float(total) if hasattr(total, "numpy") else None


class Seen(Total):
    """Whether something was so in a step, or on a replica, since the last reset."""

    def mark(self):
        """To be called in the steps where it is so."""
        self.add(1.0)

    def mark_where(self, condition):
        """To be called in every step with a bool scalar, whether it is so there."""
        self.add(condition)

    def value(self):
        """True or False, or None where a step is being traced and nobody knows."""
        total = super().value()
        return None if total is None else total > 0.0
