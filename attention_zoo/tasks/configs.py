"""Settings of the tasks by their names, without the tasks themselves."""

from attention_zoo.tasks.bags.config import BagsConfig
from attention_zoo.tasks.captions_config import CaptionsConfig
from attention_zoo.tasks.mosaics_config import MosaicsConfig
from attention_zoo.tasks.text_config import TextConfig
from attention_zoo.training.config import TaskConfig

CONFIGS: dict[str, type[TaskConfig]] = {
    "mosaics": MosaicsConfig,
    "text": TextConfig,
    "captions": CaptionsConfig,
    "bags": BagsConfig,
}
