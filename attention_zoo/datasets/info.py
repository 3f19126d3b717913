"""What is known of a loaded data set."""

import dataclasses

from attention_zoo.datasets.mosaics import Mosaics


@dataclasses.dataclass(frozen=True, eq=False)
class DatasetInfo:
    """Describes a data set; `load` returns one beside the `tf.data.Dataset`.

    Attributes:
        name: As given to `load`, for example "sdc/cifar10".
        split: As given to `load`, for example "train[:90%]".
        num_examples: Mosaics in the split.
        num_segments: Segments of a mosaic, m.
        num_classes: Foreground classes, c: labels run from 0 to c - 1.
        class_names: The c names, in the order of the labels.
        segment_shape: Shape of one segment, (h, w, c) of an image or (d,) of a vector.
        protocol: "disjoint" or "paper": whose images the mosaics were drawn from.
        source: The index table and the base images behind the pipeline.
        citation: Where the base images come from, and their licence, in one line.
    """

    name: str
    split: str
    num_examples: int
    num_segments: int
    num_classes: int
    class_names: tuple[str, ...]
    segment_shape: tuple[int, ...]
    protocol: str
    source: Mosaics = dataclasses.field(repr=False)
    citation: str
