"""Verdict: whether a finding is seen, and the figures that decided it."""

import dataclasses

import numpy as np

WORDS = ("seen", "not seen", "undecided", "not run")


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Whether a finding is seen.

    Attributes:
        seen: True, False, or None where there is nothing to decide by, or too little.
        figures: what decided, in a line.
        too_few: whether there are figures, and too few seeds to decide.
    """

    seen: bool | None
    figures: str
    too_few: bool = False

    @property
    def word(self):
        """For tables."""
        if self.seen is None:
            return "undecided" if self.too_few else "not run"
        return "seen" if self.seen else "not seen"


@dataclasses.dataclass(frozen=True)
class Difference:
    """Of two kinds of run, seed by seed, over the seeds that both have.

    Attributes:
        values: one a seed, (n,).
        least: the smallest difference that counts, however close the seeds are.
    """

    values: np.ndarray
    least: float

    @property
    def mean(self):
        """Over the seeds."""
        return float(self.values.mean())

    @property
    def margin(self):
        """Half the distance between the lowest and the highest seed, or the least that counts."""
        return max(float(np.ptp(self.values)) / 2, self.least)

    @property
    def above(self):
        """Whether the first is above the second by more than the margin."""
        return self.mean > self.margin

    @property
    def not_below(self):
        """Whether the first is not below the second by more than the least that counts."""
        return self.mean >= -self.least

    def points(self):
        """In percentage points."""
        return f"{100 * self.mean:+.2f} points (margin {100 * self.margin:.2f})"

    def nats(self):
        """In nats."""
        return f"{self.mean:+.2f} nats (margin {self.margin:.2f})"


def difference(first, second, least=0.01):
    """The `Difference` of figures by seed, of which one seed or more has both."""
    seeds = sorted(first.keys() & second.keys())
    return Difference(np.array([first[seed] - second[seed] for seed in seeds]), least)
