"""Bags: a label for any number of instances; attention chooses an instance."""

from attention_zoo.tasks.bags.cross_validation import CrossValidation, cross_validate
from attention_zoo.tasks.bags.task import BagsConfig, BagsTask

__all__ = ["BagsConfig", "BagsTask", "CrossValidation", "cross_validate"]
