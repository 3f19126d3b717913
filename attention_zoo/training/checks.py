"""What contradicts what among the settings of a run: said before anything is made."""

import dataclasses

from absl import logging

from attention_zoo import layers
from attention_zoo.training.components import resolved
from attention_zoo.training.config import FeaturesConfig
from attention_zoo.training.learning_rates import are_scheduled


def check_data_settings(task, data, settings):
    """Raises ValueError for settings that say which data, beside data."""
    both = sorted(settings.keys() & set(task.data_settings)) if data is not None else []
    if both:
        raise ValueError(f"{both[0]} is given beside data, expected one of them")


def check_needs(settings, needs):
    """Raises ValueError for settings that have an effect only where another is set, which is not.

    Args:
        settings: the settings of a task.
        needs: by the name of that other, the names of those.
    """
    defaults = {field.name: field.default for field in dataclasses.fields(settings)}
    for needed, names in needs.items():
        for name in () if getattr(settings, needed) else names:
            value = getattr(settings, name)
            if value != defaults[name]:
                raise ValueError(f"{name} is {value} without {needed}, expected it set too")


def check_unset(settings, names, other):
    """Raises ValueError for settings that have no effect beside another.

    Args:
        settings: the settings of a task.
        names: of those.
        other: that other, in words.
    """
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if field.name in names and value != field.default:
            raise ValueError(
                f"{field.name} is {value!r} with {other}, expected it unset: it has no effect"
            )


def check_bytes(dtypes, segments):
    """Raises ValueError where one split has bytes and another floats.

    Args:
        dtypes: of the segments, their names by split, "train" among them.
        segments: what these are, in words.
    """
    train = dtypes["train"]
    for name, dtype in dtypes.items():
        if (dtype == "uint8") != (train == "uint8"):
            raise ValueError(
                f"{name} has {segments} of {dtype}, expected {train}, as train: bytes are scaled, "
                "floats are not"
            )


def check_bytes_of_model(model, name, dtype, segments):
    """Raises ValueError for bytes where a model was trained on floats, and the other way round.

    Args:
        model: the trained model.
        name: of the split.
        dtype: the name of its segments' type.
        segments: what these are, in words.
    """
    how = getattr(model, "byte_segments", None)
    if how == "scaled" and dtype != "uint8":
        raise ValueError(
            f"{name} has {segments} of {dtype}, expected bytes (uint8), which the model scales"
        )
    if how == "refused" and dtype == "uint8":
        raise ValueError(
            f"{name} has {segments} of {dtype}, expected floats, as the model was trained on"
        )


FEATURES = tuple(field.name for field in dataclasses.fields(FeaturesConfig))


def check_features(settings):
    """Raises ValueError for settings of a frozen encoder's features beside one that is trained."""
    if settings.fine_tune_encoder:
        check_unset(settings, FEATURES, "fine_tune_encoder")


def check_config(settings, attention, num_examples, num_replicas, *, has_validation=True):
    """Raises ValueError for settings that contradict each other, the examples or the replicas."""
    _check_switch(settings, attention)
    if settings.batch_size > num_examples:
        raise ValueError(
            f"batch_size is {settings.batch_size}, expected {num_examples} or less, the "
            "training examples"
        )
    _check_accumulation(settings, attention, num_examples // settings.batch_size)
    if settings.checkpoint_seconds is not None and settings.strategy == "multi_worker":
        raise ValueError(
            f"checkpoint_seconds is {settings.checkpoint_seconds} under multi_worker, expected "
            "checkpoint_steps: workers have clocks of their own and must save together"
        )
    if settings.patience is not None and settings.keep == "last":
        raise ValueError(
            f"patience is {settings.patience} with keep 'last', expected keep 'accuracy' or "
            "'loss': training that stops early ends with its best epoch"
        )
    if settings.keep != "last" and not has_validation:
        raise ValueError(
            f"keep is {settings.keep!r} without validation examples, expected 'last', or such "
            "examples to choose the best epoch by"
        )
    if num_replicas > 1:
        _check_replicas(settings, num_replicas)


def _check_switch(settings, attention):
    if settings.switch_epoch is not None and settings.switch_epoch > settings.epochs:
        raise ValueError(
            f"switch_epoch is {settings.switch_epoch}, expected {settings.epochs} or less, the "
            "number of epochs"
        )
    if settings.switch_when != "epoch" and settings.switch_epoch is not None:
        raise ValueError(
            f"switch_epoch is {settings.switch_epoch} and switch_when is {settings.switch_when!r}, "
            "expected one of them"
        )
    if not isinstance(attention, layers.HybridAttention):
        return
    if settings.second_learning_rate is not None and are_scheduled(settings):
        raise ValueError(
            f"second_learning_rate is {settings.second_learning_rate} beside a schedule, warm-up "
            "or frozen epochs, expected none: the rates go on with their schedule at the switch"
        )
    if settings.switch_epoch is None and settings.epochs < 2:
        raise ValueError("epochs is 1 with hybrid attention, expected 2 or more, or a switch_epoch")
    phases = [type(phase) for phase in (attention.first, attention.second)]
    if settings.switch_when == "focus_drive" and not _have_drives(*phases):
        names = " and ".join(phase.__name__ for phase in phases)
        raise ValueError(
            f"switch_when is 'focus_drive' with a hybrid of {names}, expected two different ones "
            f"of {', '.join(cls.__name__ for cls in _WITH_DRIVES)}"
        )


# What FocusDrive compares.
_WITH_DRIVES = (layers.SoftAttention, layers.HardAttention, layers.LVMLAttention)


def _have_drives(first, second):
    return first is not second and {first, second} <= set(_WITH_DRIVES)


def _check_accumulation(settings, attention, steps_per_epoch):
    """Refuses accumulation over more steps than there are; says how many steps are dropped."""
    phases = [epochs * steps_per_epoch for epochs in _phases(settings, attention)]
    if settings.accumulation > min(phases):
        what = "a phase" if len(phases) > 1 else "the run"
        raise ValueError(
            f"accumulation is {settings.accumulation}, expected {min(phases)} or less, the steps "
            f"of {what}: weights would not move"
        )
    dropped = sum(steps % settings.accumulation for steps in phases)
    if dropped:
        logging.warning(
            "accumulation is %d: the gradients of %d of %d steps are dropped, the last of %s",
            settings.accumulation,
            dropped,
            sum(phases),
            "each phase" if len(phases) > 1 else "the run",
        )


def _phases(settings, attention):
    """Epochs of each phase that begins with a fresh optimizer, where it is known when."""
    switch = resolved(settings, attention).get("switch_epoch", 0)
    if are_scheduled(settings) or switch in (0, settings.epochs):
        return [settings.epochs]
    return [switch, settings.epochs - switch]


def _check_replicas(settings, num_replicas):
    if settings.batch_size % num_replicas:
        raise ValueError(
            f"batch_size is {settings.batch_size}, expected a multiple of {num_replicas}, the "
            "number of replicas"
        )
    if settings.clip_norm is not None:
        raise ValueError(
            f"clip_norm is {settings.clip_norm} with {num_replicas} replicas, expected none: Keras "
            "clips each replica's gradient before adding them up"
        )
    if settings.jit_compile == "true":
        raise ValueError(
            f"jit_compile is 'true' with {num_replicas} replicas, expected 'auto' or 'false': "
            "replicas exchange gradients within the step"
        )
