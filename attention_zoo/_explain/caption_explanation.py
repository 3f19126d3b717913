"""CaptionExplanation: what the words of one caption rest on."""

import dataclasses
from typing import ClassVar

import numpy as np

from attention_zoo._explain.explanation import Explanation


@dataclasses.dataclass(frozen=True, eq=False)
class CaptionExplanation(Explanation):
    """An `Explanation` whose examples are the n words of a caption, its segments the regions.

    A region is taken away from the one word: what was written before it stays as it is. The label
    of an example is the word that was written, also where another was more probable: `predicted`,
    which `flips` is of. Greedy search writes no unknown word. `support` and `confidence` have the
    probability of the word that was written.

    Attributes:
        written: ids of the words, int (n,); the classes are the ids of all words.
        words: the words, n strings.
        picture: (h, w, 3), bytes; None where the captioner was given features.
    """

    written: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0, int))
    words: tuple[str, ...] = ()
    picture: np.ndarray | None = dataclasses.field(default=None, repr=False)

    kept: ClassVar = {*Explanation.kept, "picture"}
    examples_shown: ClassVar = 20
    answer: ClassVar = "written"
    part: ClassVar = "region"

    @property
    def label(self):
        """Ids of the words that were written, (n,)."""
        return self.written

    @property
    def caption(self):
        """The words, with blanks between them."""
        return " ".join(self.words)
