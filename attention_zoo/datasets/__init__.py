"""Data sets: `tf.data` pipelines of (segments, {"label", "focus"}) and what is known of them.

What works on arrays (`pad`, `sdc.from_arrays`, `Mosaics`) needs no TensorFlow; the rest is
imported on first use.
"""

import typing

from attention_zoo._bags import pad
from attention_zoo._tensorflow import on_first_use
from attention_zoo.datasets.fingerprint import fingerprint
from attention_zoo.datasets.mosaics import orthogonal, sdc
from attention_zoo.datasets.mosaics.info import DatasetInfo
from attention_zoo.datasets.mosaics.mosaics import Mosaics, gather_segments
from attention_zoo.datasets.split import Examples, Split

if typing.TYPE_CHECKING:
    from attention_zoo.datasets.captions import coco_captions
    from attention_zoo.datasets.captions.captions import Captions
    from attention_zoo.datasets.captions.coco_captions import CaptionInfo
    from attention_zoo.datasets.captions.feature_cache import Features, cached_features
    from attention_zoo.datasets.captions.pictures import Pictures
    from attention_zoo.datasets.registry import load
    from attention_zoo.datasets.text import hatexplain, json_lines
    from attention_zoo.datasets.text.info import TextInfo
    from attention_zoo.datasets.text.posts import Posts
    from attention_zoo.datasets.words import words_of

_ON_FIRST_USE = {
    "CaptionInfo": "captions.coco_captions",
    "Captions": "captions.captions",
    "Features": "captions.feature_cache",
    "Pictures": "captions.pictures",
    "Posts": "text.posts",
    "TextInfo": "text.info",
    "cached_features": "captions.feature_cache",
    "coco_captions": "captions.coco_captions",
    "hatexplain": "text.hatexplain",
    "json_lines": "text.json_lines",
    "load": "registry",
    "words_of": "words",
}

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

_find = on_first_use(__name__, _ON_FIRST_USE)


def __getattr__(name):
    globals()[name] = found = _find(name)
    return found


def __dir__():
    return sorted({*globals(), *__all__})
