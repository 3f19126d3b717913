"""Settings that every trainer has, and what they make: attention, optimizer, switch, precision."""

import contextlib
import dataclasses

import keras

from attention_zoo import layers
from attention_zoo._settings import setting
from attention_zoo.callbacks import FocusDrive, FocusStalled, SwitchAttention
from attention_zoo.models.prediction import WAYS
from attention_zoo.ops import NORMALIZERS
from attention_zoo.optimizers import Adam, TwoOptimizers
from attention_zoo.trainers.strategies import STRATEGIES

LEAVES = ("soft", "hard", "lvml", "gumbel", "reinforce")
POLICIES = {"none": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunSettings:
    """How a model is trained, whatever the data."""

    attention: str = setting("hybrid", "How attention is trained.", choices=(*LEAVES, "hybrid"))
    first_attention: str = setting("soft", "Hybrid's first phase.", choices=LEAVES)
    second_attention: str = setting("hard", "Hybrid's second phase.", choices=LEAVES)
    normalizer: str = setting(
        "softmax", "What turns scores into attention.", choices=tuple(NORMALIZERS)
    )
    temperature: float = setting(1.0, "Of Gumbel attention.", above=0)
    baseline: str = setting(
        "moving_average", "Of REINFORCE attention.", choices=tuple(layers.BASELINES)
    )
    num_samples: int = setting(1, "Segments that REINFORCE attention draws.", least=1)
    entropy_bonus: float = setting(
        0.0, "Of REINFORCE attention: how much the entropy of attention adds to a reward.", least=0
    )
    inference: str = setting(
        "auto", "How the model predicts; auto goes by the attention.", choices=("auto", *WAYS)
    )
    epochs: int = setting(6, "Passes over the training examples.", least=1)
    switch_when: str = setting(
        "epoch",
        "What begins hybrid's second phase: switch_epoch; entropy of attention that falls no more; "
        "or the first paradigm's drive to focus, below the second's.",
        choices=("epoch", "focus_stalled", "focus_drive"),
    )
    switch_epoch: int | None = setting(
        None, "Epochs before hybrid's second phase; half of all if unset.", least=0
    )
    focus_drive: bool = setting(
        False,
        "After every epoch, measure the drive to focus that soft's, hard's and LVML's loss would "
        "give, on a batch of training examples: drive_soft, drive_hard, drive_lvml in metrics.csv.",
    )
    batch_size: int = setting(256, "Examples a step.", least=1)
    optimizer: str = setting("sgd", "SGD with momentum, or Adam.", choices=("sgd", "adam"))
    learning_rate: float = setting(0.05, "Of the optimizer.", above=0)
    classifier_learning_rate: float | None = setting(
        None, "Of every network but the focus network; learning_rate if unset.", above=0
    )
    second_learning_rate: float | None = setting(
        None,
        "In hybrid's second phase, classifier_learning_rate changing in proportion; a fifth of the "
        "first if unset.",
        above=0,
    )
    momentum: float = setting(0.9, "Of SGD.", least=0, most=1)
    weight_decay: float | None = setting(
        None, "Share of every weight, times the learning rate, that a step takes off it.", above=0
    )
    ema_momentum: float | None = setting(
        None,
        "Of an average of the weights over the steps, each keeping so much of it, that takes the "
        "place of the last weights in validation and in the end.",
        above=0,
        most=0.9999,
    )
    clip_norm: float | None = setting(
        None,
        "Largest norm of the whole gradient, which is scaled down to it; of the focus network's "
        "and of the rest, each by itself, with classifier_learning_rate. For one replica only.",
        above=0,
    )
    initial_weights: str | None = setting(
        None, "File of weights (.weights.h5) to start from, with fresh optimizer state.", path=True
    )
    checkpoint_steps: int | None = setting(
        None, "Steps between checkpoints; those of an epoch if unset.", least=1
    )
    checkpoint_seconds: float | None = setting(
        None, "Seconds between checkpoints, besides.", above=0
    )
    keep_checkpoints: int = setting(2, "Newest checkpoints to keep.", least=1)
    seed: int = setting(0, "Of data, weights, data order and samples.", least=0, most=2**32 - 1)
    jit_compile: str = setting(
        "auto",
        "XLA for the training step: auto is on for a GPU, off on a CPU and with replicas.",
        choices=("auto", "true", "false"),
    )
    steps_per_call: int = setting(
        8, "Training steps between two looks at figures, clock and signals.", least=1
    )
    mixed_precision: str = setting(
        "none", "Networks compute in these floats, weights are float32.", choices=tuple(POLICIES)
    )
    strategy: str = setting(
        "none",
        "Replicas: one; all GPUs, or logical CPUs, of the machine; TF_CONFIG's workers; a TPU.",
        choices=STRATEGIES,
    )


def make_attention(settings):
    """The attention layer of the settings."""
    if settings.attention != "hybrid":
        return _leaf(settings.attention, settings)
    return layers.HybridAttention(
        _leaf(settings.first_attention, settings), _leaf(settings.second_attention, settings)
    )


def _leaf(name, settings):
    options = {
        "gumbel": {"temperature": settings.temperature, "seed": settings.seed},
        "reinforce": {
            "baseline": settings.baseline,
            "num_samples": settings.num_samples,
            "entropy_bonus": settings.entropy_bonus,
            "seed": settings.seed,
        },
    }
    return layers.get(name, normalizer=settings.normalizer, **options.get(name, {}))


def make_optimizer(settings, model):
    """SGD with momentum, as the paper has it, or Adam; two where the classifier has its own rate.

    Args:
        settings: `RunSettings`.
        model: the built FocusClassifier to train.
    """
    focus = _optimizer(settings, settings.learning_rate)
    if settings.classifier_learning_rate is None:
        return focus
    classifier = _optimizer(settings, settings.classifier_learning_rate)
    return TwoOptimizers.of(model, focus=focus, classifier=classifier)


def _optimizer(settings, learning_rate):
    common = {"global_clipnorm": settings.clip_norm, "weight_decay": settings.weight_decay}
    if settings.ema_momentum is not None:
        common |= {"use_ema": True, "ema_momentum": settings.ema_momentum}
    if settings.optimizer == "adam":
        return Adam(learning_rate, **common)
    return keras.optimizers.SGD(learning_rate, momentum=settings.momentum, **common)


def make_switch(settings, probe):
    """The callback that moves a hybrid on, or None for another attention.

    Args:
        settings: `RunSettings`.
        probe: callable without arguments, -> (inputs, targets) for `FocusDrive` to measure on.
    """
    if settings.attention != "hybrid":
        return None
    rate = settings.second_learning_rate
    when = {
        "epoch": lambda: _switch_epoch(settings),
        "focus_stalled": FocusStalled,
        "focus_drive": lambda: FocusDrive(*probe()),
    }
    return SwitchAttention(
        when=when[settings.switch_when](),
        learning_rate=settings.learning_rate / 5 if rate is None else rate,
    )


def make_monitors(settings, probe):
    """Callbacks that measure after every epoch, before its figures are written.

    Args:
        settings: `RunSettings`.
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


def load_initial_weights(model, settings):
    """Loads the file of weights that the settings name, if they name one."""
    if settings.initial_weights is None:
        return
    try:
        model.load_weights(settings.initial_weights)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(
            f"initial_weights is {settings.initial_weights!r}, expected a file of weights that fit "
            f"the model ({reason})"
        ) from error


def check_run_settings(settings, num_examples, num_replicas):
    """Raises ValueError for settings that contradict each other, the examples or the replicas."""
    _check_switch(settings)
    if settings.batch_size > num_examples:
        raise ValueError(
            f"batch_size is {settings.batch_size}, expected {num_examples} or less, the "
            "training examples"
        )
    if settings.checkpoint_seconds is not None and settings.strategy == "multi_worker":
        raise ValueError(
            f"checkpoint_seconds is {settings.checkpoint_seconds} under multi_worker, expected "
            "checkpoint_steps: workers have clocks of their own and must save together"
        )
    if num_replicas > 1:
        _check_replicas(settings, num_replicas)


def _check_switch(settings):
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
    if settings.attention != "hybrid":
        return
    if settings.switch_epoch is None and settings.epochs < 2:
        raise ValueError("epochs is 1 with hybrid attention, expected 2 or more, or a switch_epoch")
    phases = settings.first_attention, settings.second_attention
    if settings.switch_when == "focus_drive" and not _have_drives(*phases):
        raise ValueError(
            f"switch_when is 'focus_drive' with a hybrid of {phases[0]!r} and {phases[1]!r}, "
            f"expected two different ones of {list(_WITH_DRIVES)}"
        )


_WITH_DRIVES = ("soft", "hard", "lvml")  # what FocusDrive compares


def _have_drives(first, second):
    return first != second and {first, second} <= set(_WITH_DRIVES)


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
