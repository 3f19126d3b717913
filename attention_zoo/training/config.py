"""Settings that every task has. Only these: nothing is imported that could make something of them.

So a command prints its help at once. What the settings make is in `training.components`; a test
compares the choices with what there is.
"""

import dataclasses

from attention_zoo._settings import setting

POLICIES = {"none": "float32", "bfloat16": "mixed_bfloat16", "float16": "mixed_float16"}
KEEP = ("last", "accuracy", "loss")
STRATEGIES = ("none", "mirrored", "multi_worker", "tpu")


@dataclasses.dataclass(frozen=True, kw_only=True)
class AttentionConfig:
    """Attention."""

    attention: str = setting(
        "hybrid",
        "How attention is trained: soft, hard, lvml, gumbel, reinforce, hybrid, or the registered "
        "name of a layer of your own.",
    )
    normalizer: str = setting(
        "softmax",
        "What turns scores into attention, whatever the attention.",
        choices=("softmax", "sparsemax", "entmax15", "spherical_softmax"),
    )
    entropy_penalty: float = setting(
        0.0,
        "How much the entropy of attention adds to the loss: attention grows peaked sooner. Not "
        "for captions.",
        least=0,
    )
    inference: str = setting(
        "auto",
        "What a prediction is made from: the segment with the most attention (argmax), every "
        "segment (marginal), the average segment (soft). auto goes by the attention: soft for "
        "soft, marginal for lvml, argmax for the others, that of its second phase for hybrid.",
        choices=("auto", "argmax", "marginal", "soft"),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class GumbelConfig:
    """Gumbel attention (--attention=gumbel, or a phase of hybrid)."""

    temperature: float = setting(1.0, "Temperature of the softmax of gumbel attention.", above=0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReinforceConfig:
    """REINFORCE (--attention=reinforce, or a phase of hybrid)."""

    baseline: str = setting(
        "moving_average",
        "What reinforce attention compares a reward with.",
        choices=("none", "moving_average", "leave_one_out", "self_critical"),
    )
    num_samples: int = setting(
        1, "Segments that reinforce attention draws for an example.", least=1
    )
    entropy_bonus: float = setting(
        0.0, "How much the entropy of reinforce attention adds to a reward.", least=0
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class HybridConfig:
    """Hybrid attention (--attention=hybrid)."""

    first_attention: str = setting("soft", "Attention of the first phase of hybrid attention.")
    second_attention: str = setting("hard", "Attention of the second phase of hybrid attention.")
    switch_when: str = setting(
        "epoch",
        "What begins the second phase of hybrid attention: switch_epoch (epoch); entropy of "
        "attention that falls no more (focus_stalled); or the first attention's drive to focus, "
        "below the second's (focus_drive).",
        choices=("epoch", "focus_stalled", "focus_drive"),
    )
    switch_epoch: int | None = setting(
        None,
        "Epochs before the second phase of hybrid attention; half of all if unset.",
        least=0,
    )
    second_learning_rate: float | None = setting(
        None,
        "Learning rate of the second phase of hybrid attention, other parts' changing in "
        "proportion; a fifth of the first if unset.",
        above=0,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class OptimizationConfig:
    """Optimisation."""

    epochs: int = setting(6, "Passes over the training examples.", least=1)
    batch_size: int = setting(256, "Examples a step.", least=1)
    optimizer: str = setting(
        "sgd", "SGD with momentum (sgd), or Adam (adam).", choices=("sgd", "adam")
    )
    learning_rate: float = setting(0.05, "Learning rate of the optimizer.", above=0)
    classifier_learning_rate: float | None = setting(
        None,
        "Learning rate of every network but the focus network; learning_rate if unset.",
        above=0,
    )
    warmup: float | None = setting(
        None,
        "Share of the steps in which learning rates rise from 0 to what they are set to; none if "
        "unset, with a pretrained encoder 0.1.",
        least=0,
        most=1,
    )
    schedule: str | None = setting(
        None,
        "Learning rates after that: as they are (constant), or down to 0 in a straight line "
        "(linear) or half a cosine (cosine) by the last step; constant if unset, with a pretrained "
        "encoder linear.",
        choices=("constant", "linear", "cosine"),
    )
    accumulation: int = setting(
        1, "Batches whose gradients are averaged before weights move.", least=1
    )
    momentum: float = setting(0.9, "Momentum of SGD (--optimizer=sgd).", least=0, most=1)
    weight_decay: float = setting(
        0.0,
        "Share of every weight, times the learning rate, that a step takes off it; 0 for none.",
        least=0,
        unset=0.0,
    )
    ema_momentum: float = setting(
        0.0,
        "Keeps an average of the weights over the steps, each keeping so much of it, that takes "
        "the place of the last weights in validation and in the end; 0 for none.",
        least=0,
        most=0.9999,
        unset=0.0,
    )
    clip_norm: float | None = setting(
        None,
        "Largest norm of the whole gradient, which is scaled down to it; of each part with a "
        "learning rate of its own by itself. For one replica only; no bound if unset.",
        above=0,
    )
    initial_weights: str | None = setting(
        None,
        "What to start from, with fresh optimizer state: a file of weights (.weights.h5), a model "
        "(.keras), the folder of a run, or a preset (hf://user/name on the hub). Of the last three "
        "words have to be the same, and the classifier's last layer may be of other classes, and "
        "then starts anew; a file of weights does not say of which words and classes it is.",
        path=True,
    )
    keep: str = setting(
        "last",
        "Weights to end with: of the last epoch, or of the best one on the validation examples, by "
        "accuracy or loss.",
        choices=KEEP,
    )
    patience: int | None = setting(
        None,
        "Ends training after so many epochs that are no better on the validation examples, by what "
        "--keep names; never early if unset.",
        least=1,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """Fine-tuning of an encoder."""

    encoder_learning_rate: float | None = setting(
        None, "Learning rate of the encoder; classifier_learning_rate if unset.", above=0
    )
    layer_decay: float = setting(
        1.0,
        "Learning rate of a layer of the encoder, as a share of that of the layer above it; the "
        "highest has encoder_learning_rate.",
        above=0,
        most=1,
    )
    frozen_epochs: int = setting(
        0,
        "Epochs in the beginning in which the encoder keeps its weights; all of them, and it is "
        "not trained at all.",
        least=0,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeaturesConfig:
    """Features of a frozen encoder."""

    features_dir: str | None = setting(
        None, "Where a frozen encoder's features are kept; beside the workdir if unset.", path=True
    )
    feature_dtype: str = setting(
        "float16",
        "Dtype of a frozen encoder's features on disk.",
        choices=("float16", "float32"),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunConfig:
    """The run."""

    seed: int = setting(
        0, "Seed of data, weights, order of examples and samples.", least=0, most=2**32 - 1
    )
    checkpoint_steps: int | None = setting(
        None, "Steps between checkpoints; those of an epoch if unset.", least=1
    )
    checkpoint_seconds: float | None = setting(
        None, "Seconds after which a checkpoint is due too; only steps count if unset.", above=0
    )
    keep_checkpoints: int = setting(2, "Checkpoints that are kept, the newest.", least=1)
    focus_drive: bool = setting(
        False,
        "After every epoch, measure the drive to focus that soft's, hard's and LVML's loss would "
        "give, on a batch of training examples: drive_soft, drive_hard, drive_lvml in metrics.csv.",
    )
    jit_compile: str = setting(
        "auto",
        "XLA for the training step: auto is on for a GPU, off on a CPU and with replicas.",
        choices=("auto", "true", "false"),
    )
    steps_per_call: int = setting(
        8, "Training steps between two looks at figures, clock and signals.", least=1
    )
    mixed_precision: str = setting(
        "none",
        "Floats that networks compute in, with weights in float32; none is float32 for both. On "
        "a CPU that multiplies in bfloat16 (AVX512-BF16, AMX) a step takes two thirds of the time, "
        "and FT and accuracy are those of float32 within the spread over seeds.",
        choices=tuple(POLICIES),
    )
    strategy: str = setting(
        "none",
        "Replicas that share a step: one (none); all GPUs, or logical CPUs, of the machine "
        "(mirrored); TF_CONFIG's workers (multi_worker); the cores of a TPU (tpu).",
        choices=STRATEGIES,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class TaskConfig(
    AttentionConfig, GumbelConfig, ReinforceConfig, HybridConfig, OptimizationConfig, RunConfig
):
    """How a model is trained, whatever the data; a task adds what it has to know of these."""
