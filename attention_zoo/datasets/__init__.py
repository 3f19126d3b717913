"""Data sets: `tf.data` pipelines of (segments, {"label", "focus"}) and what is known of them."""

from attention_zoo.datasets import hatexplain, json_lines, orthogonal, sdc
from attention_zoo.datasets.info import DatasetInfo
from attention_zoo.datasets.mosaics import Mosaics, gather_segments
from attention_zoo.datasets.posts import Posts
from attention_zoo.datasets.registry import load
from attention_zoo.datasets.text_info import TextInfo

__all__ = [
    "DatasetInfo",
    "Mosaics",
    "Posts",
    "TextInfo",
    "gather_segments",
    "hatexplain",
    "json_lines",
    "load",
    "orthogonal",
    "sdc",
]
