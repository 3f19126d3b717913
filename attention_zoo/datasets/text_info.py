"""What is known of a loaded data set of texts."""

import dataclasses

from attention_zoo.datasets.posts import Posts


@dataclasses.dataclass(frozen=True, eq=False)
class TextInfo:
    """Describes a data set of texts; `load` returns one beside the `tf.data.Dataset`.

    Attributes:
        name: As given to `load`, for example "hatexplain".
        split: As given to `load`, for example "train[:90%]".
        num_examples: Posts in the split.
        num_known: How many of these have a rationale.
        num_classes: Classes, c: labels run from 0 to c - 1.
        class_names: The c names, in the order of the labels.
        left_out: What was left out while reading, counts by reason.
        source: The posts behind the pipeline.
        citation: Where the texts come from, and their licence, in one line.
    """

    name: str
    split: str
    num_examples: int
    num_known: int
    num_classes: int
    class_names: tuple[str, ...]
    left_out: dict[str, int]
    source: Posts = dataclasses.field(repr=False)
    citation: str


def describe(name, split, posts, class_names, left_out, citation):
    """The `TextInfo` of posts."""
    return TextInfo(
        name=name,
        split=str(split),
        num_examples=len(posts),
        num_known=int(posts.has_rationale.sum()),
        num_classes=len(class_names),
        class_names=tuple(class_names),
        left_out={reason: count for reason, count in sorted(left_out.items()) if count},
        source=posts,
        citation=citation,
    )
