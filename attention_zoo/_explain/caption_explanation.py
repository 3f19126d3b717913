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
        grid: rows and columns of the regions, which run line by line, or None.
        picture: (h, w, 3), bytes; None where the captioner was given features.
    """

    written: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0, int))
    words: tuple[str, ...] = ()
    grid: tuple[int, int] | None = None
    picture: np.ndarray | None = dataclasses.field(default=None, repr=False)

    kept: ClassVar = {*Explanation.kept, "grid", "picture"}
    examples_shown: ClassVar = 20
    answer: ClassVar = "written"

    @property
    def label(self):
        """Ids of the words that were written, (n,)."""
        return self.written

    @property
    def caption(self):
        """The words, with blanks between them."""
        return " ".join(self.words)

    def called(self, i, j):
        """What region j is called: its row and column, from 1, or its number."""
        if self.grid is None:
            return f"region {j}"
        row, column = divmod(int(j), self.grid[1])
        return f"row {row + 1}, column {column + 1}"


def crops(picture, grid):
    """The parts of a picture (h, w, 3) that are the regions of a grid, (rows * columns, ...).

    All are of one size; where the grid does not divide the picture, what is over is left out.
    """
    rows, columns = grid
    h, w = picture.shape[0] // rows, picture.shape[1] // columns
    parts = picture[: rows * h, : columns * w].reshape(rows, h, columns, w, -1)
    return parts.transpose(0, 2, 1, 3, 4).reshape(rows * columns, h, w, -1)
