"""Tasks: mosaics, text, captions, bags, or one of your own; `train` runs any of them.

All is imported on first use: commands need the settings alone to print their help.
"""

import typing

from attention_zoo._lazy import on_first_use

if typing.TYPE_CHECKING:
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

__getattr__, __dir__ = on_first_use(
    __name__,
    {
        "BagsTask": "attention_zoo.tasks.bags.task",
        "CaptionsTask": "attention_zoo.tasks.captions",
        "ClassificationTask": "attention_zoo.tasks.classification",
        "CrossValidation": "attention_zoo.tasks.bags.cross_validation",
        "MosaicsTask": "attention_zoo.tasks.mosaics",
        "TASKS": "attention_zoo.tasks.registry",
        "Task": "attention_zoo.training.task",
        "TaskConfig": "attention_zoo.training.config",
        "TextTask": "attention_zoo.tasks.text",
        "Words": "attention_zoo.training.task",
        "cross_validate": "attention_zoo.tasks.bags.cross_validation",
        "evaluate_finished": "attention_zoo.tasks.registry",
        "get": "attention_zoo.tasks.registry",
        "setting": "attention_zoo._settings",
        "sweep": "attention_zoo.tasks.registry",
        "train": "attention_zoo.tasks.registry",
    },
)
