"""Pictures with captions, in the layout of COCO: those of COCO 2014, or one's own.

    my_pictures/
        annotations/captions_train2014.json, captions_val2014.json
        train2014/…, val2014/…

A file of captions has {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations":
[{"id": 1, "image_id": 1, "caption": "…"}]}; without one for validation, slice the training split.

Reference: Chen et al., Microsoft COCO Captions, arXiv:1504.00325.
"""

import dataclasses
import functools
from pathlib import Path

import numpy as np
import tensorflow as tf

from attention_zoo._checks import as_count
from attention_zoo._paths import expanded
from attention_zoo.datasets.captions import coco_files, coco_records
from attention_zoo.datasets.captions.captions import Captions
from attention_zoo.datasets.captions.pictures import Pictures
from attention_zoo.datasets.captions.words import standardized, vocabulary
from attention_zoo.datasets.split import Split
from attention_zoo.datasets.splits import parts_of

CITATION = (
    "Lin et al., Microsoft COCO: Common Objects in Context, ECCV 2014, arXiv:1405.0312 "
    "(annotations: CC BY 4.0; pictures belong to their owners)"
)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class CaptionInfo(Split):
    """Captions and what is known of them; `load` returns one beside the `tf.data.Dataset`.

    Attributes:
        source: The captions behind the pipeline.
        left_out: Ids of what was left out while reading, by reason. Pictures whose bytes are no
            picture are found when they are first decoded: `source.pictures.unreadable`.
    """

    source: Captions = dataclasses.field(repr=False)

    @property
    def vocabulary(self):
        """Words with an id of their own, from 4 on."""
        return self.source.vocabulary

    @property
    def num_pictures(self):
        """Pictures in the split."""
        return len(np.unique(self.source.picture_of))


def load(
    split="train",
    *,
    data_dir=None,
    image_size=224,
    min_count=5,
    words=None,
    max_words=None,
    download=False,
    seed=0,
):
    """Loads the captions of a split; slices are of its pictures.

    Args:
        split: "train", "validation" (COCO's val2014), or TFDS slices of them. Of TFDS's data set
            these are COCO's training pictures and Karpathy's validation pictures; it also has
            "test" and "restval".
        data_dir: A folder in the layout of COCO; or that of `tensorflow_datasets`, where its
            `coco_captions` is prepared, None being its own default.
        image_size: Height and width that pictures are resized to.
        min_count: A word of the vocabulary comes so often in the training captions, or more often.
        words: The vocabulary, as of `CaptionInfo` of another split; None takes that of all
            training captions.
        max_words: Captions are cut after so many words, and all batches have this length; None
            cuts none.
        download: Whether TFDS may fetch and prepare what is not there (some 40 GB).
        seed: Changes nothing; every data set takes one.

    Returns:
        `CaptionInfo`, its source `Captions`.

    Raises:
        ValueError: The files are not what they should be, or no word comes often enough.
        FileNotFoundError: The data is not there.
    """
    as_count("image_size", image_size, least=1)
    as_count("min_count", min_count, least=1)
    if max_words is not None:
        as_count("max_words", max_words, least=1)
    sizes, listing = _listings(data_dir, download)
    parts = parts_of(split, sizes, "pictures")
    if words is None:
        words = vocabulary(_standardized(listing("train").captions), min_count)
    ids, places, captions = (
        [getattr(listing(name), part)[row] for name, _, rows in parts for row in rows]
        for part in ("ids", "places", "captions")
    )
    texts = _standardized(captions)
    picture_of = np.repeat(np.arange(len(captions)), [len(some) for some in captions])
    turns = [
        turn for name, _, rows in parts for turn in listing(name).turns[rows.start : rows.stop]
    ]
    size = image_size, image_size
    pictures = Pictures(np.array(ids, np.int64), places, size, np.array(turns) if turns else None)
    source = Captions.from_texts(pictures, picture_of, texts, words, max_words)
    left_out: dict[str, list] = {}
    for name in dict.fromkeys(name for name, _, _ in parts):
        for reason, some in listing(name).left_out.items():
            left_out[reason] = left_out.get(reason, []) + list(some)
    return CaptionInfo(
        name="coco_captions",
        split=str(split),
        left_out={reason: some for reason, some in sorted(left_out.items()) if some},
        source=source,
        citation=CITATION,
        parts=parts,
    )


def _standardized(captions):
    return standardized(tf.constant([text for some in captions for text in some]))


def _listings(data_dir, download):
    """Sizes by split, and a function of a split -> its `Listing`."""
    folder = Path("." if data_dir is None else expanded(data_dir))
    if not (folder / "annotations").is_dir():
        builder = coco_records.find(expanded(data_dir), download)
        return coco_records.sizes(builder), functools.cache(
            lambda split: coco_records.read(builder, split)
        )
    names = coco_files.splits_in(folder)
    if "train" not in names:
        raise FileNotFoundError(
            f"{folder} has no annotations/captions_train2014.json and train2014, expected both"
        )
    read = functools.cache(lambda split: coco_files.read(folder, split))
    return {split: len(read(split).ids) for split in names}, read
