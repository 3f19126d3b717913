"""Settings of bags; see `training.config`."""

import dataclasses

from attention_zoo._settings import setting
from attention_zoo.training.config import KEEP, EncoderConfig, TaskConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class BagsData:
    """Data."""

    dataset: str = setting(
        "bags/digits",
        "Bags drawn from digits, a CSV file with a row an instance, or a folder of HDF5 slides.",
        choices=("bags/digits", "bags/csv", "bags/slides"),
    )
    data_dir: str | None = setting(
        None, "The CSV file, or the folder with the slides and their labels.csv.", path=True
    )
    num_examples: int = setting(200, "Digits: training bags.", least=2)
    num_test_examples: int = setting(200, "Digits: test bags, and as many for validation.", least=2)
    mean_size: float = setting(10.0, "Digits: mean number of images of a bag.", least=1)
    folds: int | None = setting(
        None,
        "Cuts the bags into so many parts, stratified and by case, of which one is the test split; "
        "the splits in labels.csv, or 5 parts where there are none, if unset.",
        least=2,
    )
    fold: int = setting(0, "Which part is the test split, from 0.", least=0)
    repeat: int = setting(0, "Which shuffle the parts are cut from, from 0.", least=0)
    validation: float | None = setting(
        None,
        "Share of all bags to choose epochs and settings by, none of them test bags, as near as "
        "equal parts come; 0 for none. If unset 0.1, in a cross-validation only where --keep "
        "chooses an epoch.",
        least=0,
        most=0.5,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class BagsModel:
    """Model."""

    scores: str = setting(
        "gated",
        "Attention scores of Ilse et al., arXiv:1802.04712.",
        choices=("attention", "gated"),
    )
    attention_units: int = setting(64, "Units of the layer that scores instances.", least=1)
    dropout: float = setting(0.5, "Dropout of the encoder's layers.", least=0, most=0.9)
    encoder: str | None = setting(
        None,
        "Network from instances to features, in place of dense layers 256, 128, 64 (for images "
        "after two convolutions). Of images RGB in bytes: a Keras file of a model from 0..255, or "
        "a network of keras.applications with the weights of ImageNet, such as MobileNetV3Small; "
        "frozen, unless it is fine-tuned. Of any others: a Keras file of a network from instances "
        "as the model has them (other bytes in [-1, 1]), which is trained.",
        path=True,
    )
    fine_tune_encoder: bool = setting(
        False, "Train an encoder of images RGB too, all but its batch normalisation."
    )
    image_size: int | None = setting(
        None,
        "Height and width that images RGB are resized to for the encoder; as they are if unset.",
        least=1,
    )
    standardize: bool | None = setting(
        None,
        "Vectors: scale features to the mean 0 and the variance 1 of the training instances; so "
        "it is if unset, but for a network of --encoder.",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class BagsConfig(BagsData, BagsModel, EncoderConfig, TaskConfig):
    """Settings of bags."""

    encoder_learning_rate: float | None = setting(
        None,
        "Learning rate of the encoder; classifier_learning_rate if unset, a tenth of "
        "learning_rate with --fine_tune_encoder.",
        above=0,
    )
    attention: str = setting(
        "soft",
        "How attention is trained: soft, hard, lvml, gumbel, reinforce, hybrid, the registered "
        "name of a layer of your own; or, without attention, for comparison: mean, max, "
        "instance_max, whose negative class is the first in the order of names.",
    )
    class_weights: str = setting(
        "none",
        "Weights of the bags in the loss: all alike, or every class alike in sum.",
        choices=("none", "balanced"),
    )
    keep: str = setting(
        "last",
        "Weights to end with: of the last epoch, or of the best on the validation bags.",
        choices=KEEP,
    )
    epochs: int = setting(50, "Passes over the training bags.", least=1)
    batch_size: int = setting(8, "Bags a step; 1 for slides of many patches.", least=1)
    optimizer: str = setting("adam", "SGD with momentum, or Adam.", choices=("sgd", "adam"))
    learning_rate: float = setting(0.001, "Learning rate of the optimizer.", above=0)
    ema_momentum: float = setting(
        0.98,
        "As in other tasks; an average over some fifty steps, 0 for none.",
        least=0,
        most=0.9999,
        unset=0.0,
    )
