"""Attention layers: soft, hard and LVML differ only in what they average."""

from attention_zoo.layers.base import Attention
from attention_zoo.layers.gather_segments import GatherSegments
from attention_zoo.layers.gumbel import GumbelAttention
from attention_zoo.layers.hard import HardAttention
from attention_zoo.layers.hybrid import HybridAttention
from attention_zoo.layers.lvml import LVMLAttention
from attention_zoo.layers.patches import Patches
from attention_zoo.layers.per_segment import PerSegment
from attention_zoo.layers.precomputed import Precomputed
from attention_zoo.layers.regions import Regions
from attention_zoo.layers.registry import get, register
from attention_zoo.layers.reinforce import BASELINES, ReinforceAttention
from attention_zoo.layers.sampling import SamplingAttention
from attention_zoo.layers.soft import SoftAttention

__all__ = [
    "BASELINES",
    "Attention",
    "GatherSegments",
    "GumbelAttention",
    "HardAttention",
    "HybridAttention",
    "LVMLAttention",
    "Patches",
    "PerSegment",
    "Precomputed",
    "Regions",
    "ReinforceAttention",
    "SamplingAttention",
    "SoftAttention",
    "get",
    "register",
]
