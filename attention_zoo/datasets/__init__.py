"""Data sets: `tf.data` pipelines of (segments, {"label", "focus"}) and what is known of them.

What works on arrays (`pad`, `sdc.from_arrays`, `Mosaics`) needs no TensorFlow; the rest is
imported on first use.
"""

import typing

from attention_zoo._bags import pad
from attention_zoo._lazy import on_first_use
from attention_zoo.datasets.fingerprint import fingerprint
from attention_zoo.datasets.mosaics import orthogonal, sdc
from attention_zoo.datasets.mosaics.mosaics import DatasetInfo, Mosaics, gather_segments
from attention_zoo.datasets.split import Examples, Split

if typing.TYPE_CHECKING:
    from attention_zoo._text import words_of
    from attention_zoo.datasets.bags.bags import BagInfo, Bags
    from attention_zoo.datasets.captions import coco_captions
    from attention_zoo.datasets.captions.captions import Captions
    from attention_zoo.datasets.captions.coco_captions import CaptionInfo
    from attention_zoo.datasets.captions.feature_cache import Features, cached_features
    from attention_zoo.datasets.captions.pictures import Pictures
    from attention_zoo.datasets.registry import load
    from attention_zoo.datasets.text import hatexplain, json_lines
    from attention_zoo.datasets.text.posts import Posts, TextInfo

__all__ = [
    "Examples",
    "Split",
    "BagInfo",
    "Bags",
    "CaptionInfo",
    "Captions",
    "DatasetInfo",
    "Features",
    "Mosaics",
    "Pictures",
    "Posts",
    "TextInfo",
    "cached_features",
    "coco_captions",
    "fingerprint",
    "gather_segments",
    "hatexplain",
    "json_lines",
    "load",
    "orthogonal",
    "pad",
    "sdc",
    "words_of",
]

__getattr__, __dir__ = on_first_use(
    __name__,
    {
        "BagInfo": "attention_zoo.datasets.bags.bags",
        "Bags": "attention_zoo.datasets.bags.bags",
        "CaptionInfo": "attention_zoo.datasets.captions.coco_captions",
        "Captions": "attention_zoo.datasets.captions.captions",
        "Features": "attention_zoo.datasets.captions.feature_cache",
        "Pictures": "attention_zoo.datasets.captions.pictures",
        "Posts": "attention_zoo.datasets.text.posts",
        "TextInfo": "attention_zoo.datasets.text.posts",
        "cached_features": "attention_zoo.datasets.captions.feature_cache",
        "coco_captions": "attention_zoo.datasets.captions.coco_captions",
        "hatexplain": "attention_zoo.datasets.text.hatexplain",
        "json_lines": "attention_zoo.datasets.text.json_lines",
        "load": "attention_zoo.datasets.registry",
        "words_of": "attention_zoo._text",
    },
)
