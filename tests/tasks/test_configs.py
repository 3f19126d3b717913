"""Settings name their choices without importing what they choose among: both must be the same."""

import dataclasses

import keras
import pytest

from attention_zoo import layers, ops, tasks
from attention_zoo.datasets.captions.feature_cache import DTYPES
from attention_zoo.datasets.mosaics.augmentation import AUGMENTATIONS
from attention_zoo.datasets.text.annotated_post import ANNOTATORS
from attention_zoo.models import NETWORKS, TEXT_NETWORKS
from attention_zoo.models.captioning.scores import WAYS as CAPTION_WAYS
from attention_zoo.models.prediction import WAYS
from attention_zoo.tasks.configs import CONFIGS
from attention_zoo.training.config import POLICIES, TaskConfig


def choices(config, name):
    """The values that a setting allows."""
    (field,) = (field for field in dataclasses.fields(config) if field.name == name)
    return field.metadata["choices"]


@pytest.mark.parametrize(
    ("config", "name", "known"),
    [
        (TaskConfig, "normalizer", ops.NORMALIZERS),
        (TaskConfig, "baseline", layers.BASELINES),
        (TaskConfig, "inference", ("auto", *WAYS)),
        (TaskConfig, "inference", ("auto", *CAPTION_WAYS)),
        (CONFIGS["mosaics"], "network", NETWORKS),
        (CONFIGS["mosaics"], "augment", AUGMENTATIONS),
        (CONFIGS["text"], "network", TEXT_NETWORKS),
        (CONFIGS["text"], "annotators", ANNOTATORS),
        (CONFIGS["captions"], "feature_dtype", DTYPES),
    ],
)
def test_choices_are_what_there_is(config, name, known):
    assert set(choices(config, name)) == set(known)


def test_every_precision_is_a_policy_of_keras():
    for name in POLICIES.values():
        assert keras.dtype_policies.get(name).variable_dtype == "float32"


def test_every_task_has_its_settings_by_name():
    assert {name: task.config for name, task in tasks.TASKS.items()} == CONFIGS


@pytest.mark.parametrize("config", CONFIGS.values())
def test_a_help_text_can_be_read_alone(config):
    """A sentence that ends, and names the attention that it applies to."""
    for field in dataclasses.fields(config):
        text = field.metadata["help"]
        assert text[0].isupper() and text.endswith(".") and len(text.split()) > 2, field.name
    for name, attention in (
        ("temperature", "gumbel"),
        ("baseline", "reinforce"),
        ("num_samples", "reinforce"),
        ("entropy_bonus", "reinforce"),
        ("first_attention", "hybrid"),
        ("second_attention", "hybrid"),
        ("switch_when", "hybrid"),
        ("switch_epoch", "hybrid"),
        ("second_learning_rate", "hybrid"),
    ):
        (field,) = (field for field in dataclasses.fields(config) if field.name == name)
        assert attention in field.metadata["help"]
