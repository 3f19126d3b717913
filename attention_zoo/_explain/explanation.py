"""Explanation: what a model's predictions rest on, example by example."""

import dataclasses
from typing import ClassVar

import numpy as np


def are_left(mask, k):
    """Whether segments are left without the first 1, …, k of them: mask (b, m) -> bool (b, k)."""
    return np.arange(1, k + 1) < mask.sum(axis=1, keepdims=True)


@dataclasses.dataclass(frozen=True, eq=False)
class Explanation:
    """The result of `explain`, of b examples; `explanation[i]` is that of one, or of a slice.

    Attributes:
        attention: a (b, m); 0 on segments that are not there.
        mask: bool (b, m), True for the segments that are there.
        segments: numbers of the k most attended segments, int (b, k), the most attended first; -1
            where an example has fewer.
        probabilities: (b, c) by way to predict, "argmax", "marginal" and "soft".
        way_to_predict: the model's own.
        alone: probabilities (b, k, c) from each of `segments` alone.
        without: probabilities (b, k, c) by the model's own way without the first of `segments`,
            without the first two, and so on: what changes as the next one is taken away. NaN where
            no segment is left, see `remains`.
        certainty: 1 - entropy of attention / log of the number of segments, (b,).
        agreement: 1 - the largest distance between two ways to predict, (b,).
        confidence: certainty x agreement x the probability of the prediction, (b,); what to
            abstain by: docs/believe.md has how well it does.
        class_names: in the order of the classes, or None.
        inputs: segments (b, m, ...) as they were given, tokens (b, m), strings, or, where the
            segments are a grid of places of a picture, the parts of it (b, m, h, w, c).
        grid: rows and columns of these places, which run line by line; None of other segments.
    """

    attention: np.ndarray
    mask: np.ndarray
    segments: np.ndarray
    probabilities: dict[str, np.ndarray]
    way_to_predict: str
    alone: np.ndarray
    without: np.ndarray
    certainty: np.ndarray
    agreement: np.ndarray
    confidence: np.ndarray
    class_names: tuple[str, ...] | None = None
    inputs: np.ndarray | None = dataclasses.field(default=None, repr=False)
    grid: tuple[int, int] | None = None

    kept: ClassVar = {"way_to_predict", "class_names", "grid"}  # what is of all examples
    examples_shown: ClassVar = 4  # in pictures and tables, the first ones
    answer: ClassVar = "predicted"  # what the label is, in tables
    part: ClassVar = "segment"  # what a segment without a name is called, before its number

    @property
    def predicted(self):
        """Predicted class ids by the model's own way, (b,)."""
        return self.probabilities[self.way_to_predict].argmax(axis=-1)

    @property
    def label(self):
        """The class ids that are explained, (b,): the predicted ones."""
        return self.predicted

    @property
    def segment(self):
        """Numbers of the chosen segments, the most attended, (b,); -1 where none is there."""
        return self.segments[:, 0]

    @property
    def support(self):
        """Probability of the label: whole (b,), alone and without (b, k), by name."""
        y = self.label
        whole = np.take_along_axis(self.probabilities[self.way_to_predict], y[:, None], axis=1)
        found = {"whole": whole[:, 0]}
        for name in ("alone", "without"):
            p = getattr(self, name)
            found[name] = np.take_along_axis(p, y[:, None, None], axis=2)[..., 0]
        return found

    @property
    def remains(self):
        """Whether a segment is left without the first of `segments`, the first two, …: (b, k)."""
        return are_left(self.mask, self.segments.shape[1])

    @property
    def flips(self):
        """How many of the most attended segments have to go for another prediction, int (b,).

        0 where none of the k that were tried changes it.
        """
        other = (self.without.argmax(axis=-1) != self.predicted[:, None]) & self.remains
        return np.where(other.any(axis=1), other.argmax(axis=1) + 1, 0)

    def name(self, label):
        """What a class is called: its name, or its number."""
        return str(label) if self.class_names is None else self.class_names[label]

    def __len__(self):
        return len(self.attention)

    def __getitem__(self, i):
        """Of one example, or of a slice."""
        if isinstance(i, slice):
            rows = i
        else:
            count = len(self)
            if not -count <= i < count:
                raise IndexError(f"example is {i}, expected {-count} to {count - 1}")
            rows = slice(i % count, i % count + 1)

        def cut(value):
            if isinstance(value, dict):
                return {name: one[rows] for name, one in value.items()}
            return None if value is None else value[rows]

        fields = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        cuts = {name: value if name in self.kept else cut(value) for name, value in fields.items()}
        return type(self)(**cuts)

    def plot(self, *, max_examples=None):
        """A picture of the first examples, `examples_shown` if None; see `plots.explanation`."""
        from attention_zoo import plots  # slow to import

        return plots.explanation(self, max_examples=max_examples or self.examples_shown)

    def _repr_html_(self):
        from attention_zoo._explain.html import page

        return page(self)

    def table(self):
        """The first examples in plain text."""
        return "\n\n".join(self._said(i) for i in range(min(len(self), self.examples_shown)))

    def _said(self, i):
        y = self.label[i]
        ways = ", ".join(
            f"{self.name(p[i].argmax())} {p[i].max():.1%} by {way}"
            for way, p in self.probabilities.items()
        )
        lines = [f"{self.answer}: {self.name(y)}, confidence {self.confidence[i]:.2f} ({ways})"]
        lines.append(f"{'segment':<16}{'attention':>10}{'alone':>22}{'p without it and above':>24}")
        for place, j in enumerate(self.segments[i]):
            if j >= 0:
                alone = self.alone[i, place]
                said = f"{self.name(alone.argmax())} {alone.max():.1%}"
                lines.append(
                    f"{self.called(i, j):<16}{self.attention[i, j]:>10.1%}{said:>22}"
                    f"{self.left_over(i, place):>24}"
                )
        return "\n".join(lines)

    def left_over(self, i, place):
        """Probability of the prediction of example i without segments to `place`, as text."""
        left = self.support["without"][i, place]
        return f"{left:.1%}" if self.remains[i, place] else "–"

    def called(self, i, j):
        """What segment j of example i is called: token, row and column from 1, or number."""
        if self.inputs is not None and self.inputs.dtype.kind in "OSU":
            token = self.inputs[i, j]
            return token.decode("utf-8", "replace") if isinstance(token, bytes) else str(token)
        if self.grid is None:
            return f"{self.part} {j}"
        row, column = divmod(int(j), self.grid[1])
        return f"row {row + 1}, column {column + 1}"
