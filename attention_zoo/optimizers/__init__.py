"""Optimizers besides Keras's own."""

from attention_zoo.optimizers.adam import Adam
from attention_zoo.optimizers.partitioned import PartitionedOptimizer
from attention_zoo.optimizers.two_optimizers import TwoOptimizers
from attention_zoo.optimizers.warm_up import WarmUp

__all__ = ["Adam", "PartitionedOptimizer", "TwoOptimizers", "WarmUp"]
