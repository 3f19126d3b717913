"""PartRate: the learning rate of a part of a PartitionedOptimizer that does not lead."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="attention_zoo")
class PartRate:
    """The rate of a part that does not lead: its own, times how far the leading one has moved."""

    def __init__(self, part, own):
        self._part, self._own = part, own
        self._leading = self._leading_own = None

    def follow(self, leading, leading_own):
        """The leading part's rate, a variable, and what it is at first."""
        self._leading, self._leading_own = leading, leading_own

    def __call__(self):
        return self._own * (ops.convert_to_tensor(self._leading) / self._leading_own)

    def assign(self, value):
        raise ValueError(
            f"the learning rate of part {self._part!r} is set to {value}, expected that of the "
            "whole to be set: the parts keep their proportion"
        )

    def get_config(self):
        return {"part": self._part, "own": self._own}
