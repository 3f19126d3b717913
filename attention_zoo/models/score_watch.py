"""ScoreWatch: what the scores of a focus network were in training."""

from keras import ops

from attention_zoo.models.totals import Seen, Total


class ScoreWatch:
    """Whether scores differed, and how far, in the training steps since the last reset.

    Whether they do is seen bit for bit: a network that has hardly learnt anything scores segments
    differently all the same, one whose every ReLU is dead does not.
    """

    def __init__(self):
        self._differed, self._ranges, self._examples = Seen(), Total(), Total()

    def look(self, scores, mask):
        """To be called in a step: scores (b, m), mask bool (b, m) or None."""
        there = ops.ones_like(scores, dtype="bool") if mask is None else mask
        first = ops.argmax(ops.cast(there, "int32"), axis=1)[:, None]
        firsts = ops.take_along_axis(scores, first, axis=1)
        others = scores != firsts  # a NaN is another
        self._differed.mark_where(ops.any(ops.logical_and(others, there)))
        compared = ops.sum(ops.cast(there, "int32"), axis=1) > 1
        scores = ops.cast(ops.where(there, scores, firsts), "float32")
        ranges = ops.max(scores, axis=1) - ops.min(scores, axis=1)
        self._ranges.add(ops.sum(ops.where(compared, ranges, 0.0)))
        self._examples.add(ops.sum(ops.cast(compared, "float32")))

    def all_equal(self):
        """Whether there was something to compare, and all of it was equal."""
        return bool(self._examples.value()) and self._differed.value() is False

    def mean_range(self):
        """An example's largest score less its smallest, mean over examples of two segments or more.

        None where there was nothing to compare, or a step is being traced.
        """
        examples = self._examples.value()
        return self._ranges.value() / examples if examples else None

    def reset(self):
        for total in self._totals():
            total.reset()

    def get_state(self):
        """The sums, numbers, for `set_state`."""
        return [float(total.value() or 0.0) for total in self._totals()]

    def set_state(self, sums):
        """Goes on from the sums that `get_state` gave."""
        for total, value in zip(self._totals(), sums, strict=True):
            total.set(value)

    def _totals(self):
        return self._differed, self._ranges, self._examples
