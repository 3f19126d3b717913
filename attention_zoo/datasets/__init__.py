"""Data sets: `tf.data` pipelines of (segments, {"label", "focus"}) and what is known of them."""

from attention_zoo.datasets import orthogonal, sdc
from attention_zoo.datasets.info import DatasetInfo
from attention_zoo.datasets.mosaics import Mosaics, gather_segments
from attention_zoo.datasets.registry import load

__all__ = ["DatasetInfo", "Mosaics", "gather_segments", "load", "orthogonal", "sdc"]
