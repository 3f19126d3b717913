"""ScoreWatch: whether a focus network still tells one segment from another."""

from keras import ops

from attention_zoo.models.metric_gate import Seen


class ScoreWatch:
    """Whether the scores of any example differed in the training steps since the last reset.

    They are compared bit for bit: a network that has hardly learnt anything scores segments
    differently all the same, one whose every ReLU is dead does not.
    """

    def __init__(self):
        self._compared, self._differed = Seen(), Seen()

    def look(self, scores, mask):
        """To be called in a step: scores (b, m), mask bool (b, m) or None."""
        there = ops.ones_like(scores, dtype="bool") if mask is None else mask
        first = ops.argmax(ops.cast(there, "int32"), axis=1)[:, None]
        others = scores != ops.take_along_axis(scores, first, axis=1)  # a NaN is another
        self._differed.mark_where(ops.any(ops.logical_and(others, there)))
        self._compared.mark_where(ops.any(ops.sum(ops.cast(there, "int32"), axis=1) > 1))

    def all_equal(self):
        """Whether there was something to compare, and all of it was equal."""
        return bool(self._compared.value()) and self._differed.value() is False

    def reset(self):
        self._compared.reset()
        self._differed.reset()
