"""AnnotatedPost: a post as its annotators left it, and what they agree on."""

import collections
import dataclasses

ANNOTATORS = ("majority", "union", "first")


@dataclasses.dataclass(frozen=True)
class AnnotatedPost:
    """A post with every annotator's judgement; k annotators, m tokens.

    Attributes:
        post_id: The post's name in its files.
        tokens: The m tokens.
        labels: Every annotator's label, k names.
        rationales: Every annotator's rationale, k tuples of m zeros and ones; None where one gave
            none, or marked nothing.
        targets: The communities that every annotator named, k tuples.
    """

    post_id: str
    tokens: tuple[str, ...] = dataclasses.field(repr=False)  # in no log and no error
    labels: tuple[str, ...]
    rationales: tuple[tuple[int, ...] | None, ...] = dataclasses.field(repr=False)
    targets: tuple[tuple[str, ...], ...] = dataclasses.field(repr=False)

    def label(self, annotators="majority"):
        """The label on which more annotators agree than on any other; None for a tie.

        With "first", the first annotator's.
        """
        if annotators == "first":
            return self.labels[0]
        (label, votes), *others = collections.Counter(self.labels).most_common(2)
        return None if others and others[0][1] == votes else label

    def rationale(self, annotators="majority", normal="normal"):
        """The tokens that made the annotators decide, m zeros and ones; None if none are known.

        "majority": tokens that at least half of the annotators with a rationale marked. "union":
        tokens that any of them marked, as the scripts of the data set evaluate. "first": those of
        the first annotator. A post whose label is `normal` has none.
        """
        if self.label(annotators) == normal:
            return None
        chosen = self.rationales[:1] if annotators == "first" else self.rationales
        given = [rationale for rationale in chosen if rationale is not None]
        if not given:
            return None
        least = 1 if annotators == "union" else len(given) / 2
        return tuple(int(sum(marks) >= least) for marks in zip(*given, strict=True))


def check_annotators(annotators):
    """Raises ValueError for a way to sum up annotators that there is not."""
    if annotators not in ANNOTATORS:
        raise ValueError(f"annotators is {annotators!r}, expected one of {list(ANNOTATORS)}")
