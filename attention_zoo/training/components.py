"""What the settings make: attention, optimizer, switch, precision, and the record of a run."""

import contextlib
import dataclasses

import keras

from attention_zoo import layers
from attention_zoo.callbacks import FocusDrive, FocusStalled, SwitchAttention
from attention_zoo.optimizers import Adam, PartitionedOptimizer
from attention_zoo.training.config import POLICIES
from attention_zoo.training.learning_rates import are_scheduled, rates_of_parts, scheduled


def make_attention(settings):
    """The attention layer of the settings."""
    penalty = {"entropy_penalty": settings.entropy_penalty} if settings.entropy_penalty else {}
    if settings.attention != "hybrid":
        return _leaf(settings.attention, settings, penalty)
    leaves = (_leaf(settings.first_attention, settings), _leaf(settings.second_attention, settings))
    return layers.HybridAttention(*leaves, **penalty)


def _leaf(name, settings, more=None):
    options = {
        "gumbel": {"temperature": settings.temperature, "seed": settings.seed},
        "reinforce": {
            "baseline": settings.baseline,
            "num_samples": settings.num_samples,
            "entropy_bonus": settings.entropy_bonus,
            "seed": settings.seed,
        },
    }
    return layers.get(name, normalizer=settings.normalizer, **options.get(name, {}), **more or {})


def make_optimizer(settings, model, rates=None, others=None, steps_per_epoch=None):
    """SGD with momentum, as the paper has it, or Adam; parts may have a rate of their own.

    Args:
        settings: `TaskConfig`.
        model: the built model to train.
        rates, others: as of `Task`.
        steps_per_epoch: steps an epoch, for schedules.
    """
    if not rates:
        return _optimizer(settings, scheduled(settings, settings.learning_rate, steps_per_epoch))
    made, parts = rates_of_parts(settings, model, rates, others, steps_per_epoch)
    return PartitionedOptimizer({k: _optimizer(settings, rate) for k, rate in made.items()}, parts)


def _optimizer(settings, learning_rate):
    common = {"global_clipnorm": settings.clip_norm, "weight_decay": settings.weight_decay or None}
    if settings.accumulation > 1:
        common["gradient_accumulation_steps"] = settings.accumulation
    if settings.ema_momentum:
        common |= {"use_ema": True, "ema_momentum": settings.ema_momentum}
    if settings.optimizer == "adam":
        return Adam(learning_rate, **common)
    return keras.optimizers.SGD(learning_rate, momentum=settings.momentum, **common)


def make_switch(settings, attention, optimizer, probe):
    """The callback that moves a hybrid on, or None for another attention.

    Args:
        settings: `TaskConfig`.
        attention: the layer.
        optimizer: the optimizer; one that follows a schedule keeps it in the second phase.
        probe: callable without arguments, -> (inputs, targets) for `FocusDrive` to measure on.
    """
    if not isinstance(attention, layers.HybridAttention):
        return None
    when = {
        "epoch": lambda: _switch_epoch(settings),
        "focus_stalled": FocusStalled,
        "focus_drive": lambda: FocusDrive(*probe()),
    }
    is_scheduled = are_scheduled(settings) or not isinstance(
        optimizer.learning_rate, keras.Variable
    )
    return SwitchAttention(
        when=when[settings.switch_when](),
        reset_optimizer=not is_scheduled,  # else schedules would begin anew
        learning_rate=_second_rate(settings, optimizer),
    )


def _second_rate(settings, optimizer):
    if settings.second_learning_rate is not None:
        return settings.second_learning_rate
    rate = optimizer.learning_rate
    return float(rate.numpy()) / 5 if isinstance(rate, keras.Variable) else None


def make_monitors(settings, probe):
    """Callbacks that measure after every epoch, before its figures are written.

    Args:
        settings: `TaskConfig`.
        probe: as in `make_switch`.
    """
    return [FocusDrive(*probe())] if settings.focus_drive else []


def _switch_epoch(settings):
    return settings.epochs // 2 if settings.switch_epoch is None else settings.switch_epoch


@contextlib.contextmanager
def precision(settings):
    """Layers made within have the settings' dtype policy."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(POLICIES[settings.mixed_precision])
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def recorded(settings, attention):
    """The settings as config.json has them, those among them that a run works out."""
    return dataclasses.asdict(settings) | resolved(settings, attention)


def resolved(settings, attention):
    """The settings that follow from others where they are unset, as a run is known by."""
    if not isinstance(attention, layers.HybridAttention) or settings.switch_when != "epoch":
        return {}
    return {"switch_epoch": _switch_epoch(settings)}
