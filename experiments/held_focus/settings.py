"""Settings of the fixed-focus trainer; where they are unset, the paper's for the data set."""

import dataclasses

from attention_zoo._settings import setting
from attention_zoo.models import NETWORKS

PARADIGMS = ("soft", "hard", "lvml")
_DEFAULTS = {  # learning rates; networks; m; training mosaics. Digits: not the paper's.
    "sdc/digits": ({"soft": 0.02, "hard": 0.02, "lvml": 0.05}, "digits", 5, 10_000),
    "sdc/cifar10": ({"soft": 0.004, "hard": 0.01, "lvml": 0.05}, "cifar10", 5, 10_000),
    "sdc/cifar100": ({"soft": 0.004, "hard": 0.01, "lvml": 0.004}, "cifar100", 5, 10_000),
    "orthogonal": ({"soft": 0.05, "hard": 0.01, "lvml": 0.05}, "linear", 20, 5_000),
}
_OTHERWISE = _DEFAULTS["sdc/cifar10"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of a run; each is a flag of the same name."""

    attention: str = setting("soft,hard,lvml", "Losses to train with, some of these with commas.")
    alphas: str = setting(
        "0.2,0.4,0.6,0.8,1.0", "Attention on the true segment: numbers up to 1 with commas."
    )
    dataset: str = setting("sdc/digits", "Name of the data set.")
    data_dir: str | None = setting(
        None, "Folder of tensorflow_datasets; its own default if unset.", path=True
    )
    train_split: str = setting("train", "Images to train on, in the TFDS slicing language.")
    num_segments: int | None = setting(
        None, "Segments of a mosaic, m; 5, and 20 of orthogonal, if unset.", least=2
    )
    num_examples: int | None = setting(
        None, "Training mosaics; 10,000, and 5,000 of orthogonal, if unset.", least=1
    )
    num_probe_examples: int | None = setting(
        None, "Training mosaics that loss and drive are measured on; all if unset.", least=1
    )
    network: str | None = setting(
        None, "Whose classifier; the data set's own if unset.", choices=tuple(NETWORKS)
    )
    epochs: int = setting(100, "Passes over the training examples.", least=1)
    batch_size: int = setting(256, "Examples a step.", least=1)
    learning_rate: float | None = setting(
        None, "Of SGD, for every loss; the paper's for data set and loss if unset.", above=0
    )
    soft_learning_rate: float | None = setting(None, "For soft, instead.", above=0)
    hard_learning_rate: float | None = setting(None, "For hard, instead.", above=0)
    lvml_learning_rate: float | None = setting(None, "For LVML, instead.", above=0)
    momentum: float = setting(0.9, "Of SGD.", least=0, most=1)
    checkpoint_steps: int | None = setting(
        None, "Steps between checkpoints; those of an epoch if unset.", least=1
    )
    checkpoint_seconds: float | None = setting(
        None, "Seconds between checkpoints, besides.", above=0
    )
    keep_checkpoints: int = setting(2, "Newest checkpoints to keep.", least=1)
    seed: int = setting(0, "Of data, weights and data order.", least=0, most=2**32 - 1)
    jit_compile: str = setting(
        "auto",
        "XLA for the training step: auto is on for a GPU, off on a CPU.",
        choices=("auto", "true", "false"),
    )
    steps_per_call: int = setting(
        8, "Training steps between two looks at figures, clock and signals.", least=1
    )


def completed(settings):
    """The settings with the data set's defaults in the place of None.

    Raises:
        ValueError: losses or alphas that are none.
    """
    attentions(settings), alphas(settings)
    rates, network, num_segments, num_examples = _DEFAULTS.get(settings.dataset, _OTHERWISE)
    given = dataclasses.asdict(settings)
    defaults = {
        "network": network,
        "num_segments": num_segments,
        "num_examples": num_examples,
        "num_probe_examples": given["num_examples"] or num_examples,
    }
    for name, rate in rates.items():
        common = settings.learning_rate
        defaults[f"{name}_learning_rate"] = rate if common is None else common
    unset = {name: value for name, value in defaults.items() if given[name] is None}
    return dataclasses.replace(settings, **unset)


def attentions(settings):
    """The losses that the settings name.

    Raises:
        ValueError: a name that is none, or there twice.
    """
    names = settings.attention.split(",")
    if not set(names) <= set(PARADIGMS) or len(set(names)) < len(names):
        raise ValueError(
            f"attention is {settings.attention!r}, expected some of {','.join(PARADIGMS)}"
        )
    return names


def alphas(settings):
    """The numbers that the settings name, rising.

    Raises:
        ValueError: what is no number above 0 and up to 1, or there twice.
    """
    try:
        numbers = sorted(float(part) for part in settings.alphas.split(","))
    except ValueError:
        numbers = []
    names = {f"{number:g}" for number in numbers}
    if not numbers or not all(0 < number <= 1 for number in numbers) or len(names) < len(numbers):
        raise ValueError(
            f"alphas is {settings.alphas!r}, expected different numbers above 0 and up to 1 with "
            "commas"
        )
    return numbers


def learning_rates(settings):
    """Of each loss in turn."""
    return [getattr(settings, f"{name}_learning_rate") for name in attentions(settings)]
