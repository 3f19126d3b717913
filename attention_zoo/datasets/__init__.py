"""Data sets: `tf.data` pipelines of (segments, {"label", "focus"}) and what is known of them."""

from attention_zoo._bags import pad
from attention_zoo._text import words_of
from attention_zoo.datasets.captions import coco_captions
from attention_zoo.datasets.captions.captions import Captions
from attention_zoo.datasets.captions.coco_captions import CaptionInfo
from attention_zoo.datasets.captions.feature_cache import Features, cached_features
from attention_zoo.datasets.captions.pictures import Pictures
from attention_zoo.datasets.fingerprint import fingerprint
from attention_zoo.datasets.mosaics import orthogonal, sdc
from attention_zoo.datasets.mosaics.mosaics import DatasetInfo, Mosaics, gather_segments
from attention_zoo.datasets.registry import load
from attention_zoo.datasets.split import Examples, Split
from attention_zoo.datasets.text import hatexplain, json_lines
from attention_zoo.datasets.text.posts import Posts, TextInfo

__all__ = [
    "Examples",
    "Split",
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
