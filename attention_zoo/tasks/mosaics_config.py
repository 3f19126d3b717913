"""Settings of mosaics; see `training.config`."""

import dataclasses

from attention_zoo._settings import setting
from attention_zoo.training.config import FeaturesConfig, TaskConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class MosaicsData:
    """Data."""

    dataset: str = setting(
        "sdc/digits", "Name of the data set: sdc/digits, sdc/cifar10, orthogonal."
    )
    data_dir: str | None = setting(
        None, "Folder of tensorflow_datasets; its own default if unset.", path=True
    )
    protocol: str = setting(
        "disjoint",
        "Validation and test mosaics from images of their own (disjoint), or all from the training "
        "images (paper).",
        choices=("disjoint", "paper"),
    )
    train_split: str = setting("train[:90%]", "Images to train on, in the TFDS slicing language.")
    validation_split: str | None = setting(
        "train[90%:]", "Images of the validation mosaics, by which epochs and settings are chosen."
    )
    test_split: str = setting(
        "test", "Images of the test mosaics, which are seen once, in the end."
    )
    num_segments: int = setting(5, "Segments of a mosaic, m.", least=2)
    num_examples: int | None = setting(None, "Training mosaics; the data set's default if unset.")
    num_test_examples: int | None = setting(
        None, "Test mosaics, and as many for validation; the data set's default if unset."
    )
    augment: str = setting(
        "none",
        "What is done to segments of training mosaics, anew at every step: flips left to right, "
        "and shifts by up to an eighth of the image.",
        choices=("none", "flip", "flip_and_crop"),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class MosaicsModel:
    """Model."""

    network: str | None = setting(
        None,
        "Pair of focus and classification networks; the data set's own if unset. With an encoder "
        "both are a dense layer of 200 units and one on top.",
        choices=("digits", "cifar10", "cifar100", "linear"),
    )
    encoder: str | None = setting(
        None,
        "Pretrained network under both: a Keras file of a model from pictures RGB in 0..255 to "
        "features, or a network of keras.applications with the weights of ImageNet, such as "
        "MobileNetV3Small. It is frozen, and runs once over the images, unless it is fine-tuned.",
        path=True,
    )
    fine_tune_encoder: bool = setting(False, "Train the encoder too, on the images themselves.")
    encoder_learning_rate: float | None = setting(
        None,
        "Learning rate of an encoder that is trained (--fine_tune_encoder); a tenth of "
        "learning_rate if unset.",
        above=0,
    )
    image_size: int | None = setting(
        None,
        "Height and width that images are resized to for the encoder; as they are if unset.",
        least=1,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class MosaicsConfig(MosaicsData, MosaicsModel, FeaturesConfig, TaskConfig):
    """Settings of mosaics."""

    weight_decay: float = setting(
        0.01,
        "Share of every weight, times the learning rate, that a step takes off it; 0 for none. In "
        "long training it keeps hard attention's scores from running away.",
        least=0,
        unset=0.0,
    )
