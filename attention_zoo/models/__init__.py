"""FocusClassifier and the paper's networks."""

from attention_zoo.models.block_max_pool import BlockMaxPool2D
from attention_zoo.models.focus_classifier import FocusClassifier
from attention_zoo.models.image_networks import (
    cifar10_networks,
    cifar100_networks,
    digits_networks,
)
from attention_zoo.models.linear_networks import linear_networks
from attention_zoo.models.networks import NETWORKS, networks

__all__ = [
    "NETWORKS",
    "BlockMaxPool2D",
    "FocusClassifier",
    "cifar10_networks",
    "cifar100_networks",
    "digits_networks",
    "linear_networks",
    "networks",
]
