"""What is known of a loaded data set of texts."""

import dataclasses

from attention_zoo.datasets.split import Split
from attention_zoo.datasets.text.posts import Posts


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class TextInfo(Split):
    """Posts and what is known of them; `load` returns one beside the `tf.data.Dataset`.

    Attributes:
        source: The posts behind the pipeline.
        left_out: What was left out while reading, counts by reason.
    """

    source: Posts = dataclasses.field(repr=False)

    @property
    def num_known(self):
        """How many of the posts have a rationale."""
        return int(self.source.has_rationale.sum())


def describe(name, split, posts, class_names, left_out, citation):
    """The `TextInfo` of posts."""
    return TextInfo(
        name=name,
        split=str(split),
        source=posts,
        class_names=tuple(class_names),
        left_out={reason: count for reason, count in sorted(left_out.items()) if count},
        citation=citation,
    )
