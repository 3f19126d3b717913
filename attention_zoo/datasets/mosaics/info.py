"""What is known of a loaded data set of mosaics."""

import dataclasses

from attention_zoo.datasets.mosaics.mosaics import Mosaics
from attention_zoo.datasets.split import Split


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class DatasetInfo(Split):
    """Mosaics and what is known of them; `load` returns one beside the `tf.data.Dataset`.

    Attributes:
        source: The index table and the base images behind the pipeline.
        protocol: "disjoint" or "paper": whose images the mosaics were drawn from.
    """

    source: Mosaics = dataclasses.field(repr=False)
    protocol: str = "disjoint"

    @property
    def num_segments(self):
        """Segments of a mosaic, m."""
        return self.source.table.shape[1]

    @property
    def segment_shape(self):
        """Shape of one segment, (h, w, c) of an image or (d,) of a vector."""
        return tuple(self.source.images.shape[1:])
