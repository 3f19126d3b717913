"""Tasks: mosaics, text, captions, bags, or one of your own; `train` runs any of them."""

from attention_zoo._settings import setting
from attention_zoo.tasks.bags.cross_validation import CrossValidation, cross_validate
from attention_zoo.tasks.bags.task import BagsTask
from attention_zoo.tasks.captions import CaptionsTask
from attention_zoo.tasks.classification import ClassificationTask
from attention_zoo.tasks.mosaics import MosaicsTask
from attention_zoo.tasks.registry import TASKS, evaluate_finished, get, sweep, train
from attention_zoo.tasks.text import TextTask
from attention_zoo.training.config import TaskConfig
from attention_zoo.training.task import Task, Words

__all__ = [
    "TASKS",
    "BagsTask",
    "CaptionsTask",
    "ClassificationTask",
    "CrossValidation",
    "MosaicsTask",
    "Task",
    "TaskConfig",
    "TextTask",
    "Words",
    "cross_validate",
    "evaluate_finished",
    "get",
    "setting",
    "sweep",
    "train",
]
