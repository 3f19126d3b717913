"""Settings of captions; see `training.config`."""

import dataclasses

from attention_zoo._settings import setting
from attention_zoo.training.config import EncoderConfig, FeaturesConfig, TaskConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class CaptionsData:
    """Data."""

    data_dir: str | None = setting(
        None,
        "Folder in the layout of COCO, or of tensorflow_datasets with its coco_captions.",
        path=True,
    )
    train_split: str = setting("train[:95%]", "Pictures to train on, in TFDS's slicing language.")
    validation_split: str = setting("train[95%:]", "Pictures to choose the best epoch by.")
    test_split: str = setting("validation", "Pictures to write captions of in the end.")
    image_size: int = setting(224, "Height and width that pictures are resized to.", least=1)
    min_count: int = setting(5, "Words rarer than this are unknown words.", least=1)
    max_words: int = setting(
        20,
        "Training captions are cut: so many words are read, and the one after each is guessed.",
        least=1,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class CaptionsModel:
    """Model."""

    encoder: str | None = setting(
        None,
        "Keras file of a model from pictures to features, or a network of keras.applications with "
        "the weights of ImageNet, such as MobileNetV3Small; the paper's VGG19 if unset.",
        path=True,
    )
    fine_tune_encoder: bool = setting(False, "Train the encoder too, on the pictures themselves.")
    standardize: bool = setting(
        True,
        "Scale an encoder's features to mean 0 and variance 1, by the regions of 512 training "
        "pictures before training begins; those of initial weights are kept.",
    )
    units: int = setting(512, "Units of the LSTM.", least=1)
    embedding_size: int = setting(512, "Features of a word.", least=1)
    attention_units: int = setting(256, "Units of the layer that scores regions.", least=1)
    dropout: float = setting(0.5, "Dropout of words' and states' features.", least=0, most=0.9)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LVMLConfig:
    """LVML attention (--attention=lvml)."""

    top_k: int | None = setting(
        None,
        "Regions that training averages with lvml attention, those with the most of it; all if "
        "unset.",
        least=1,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """Search for captions."""

    beam_width: int = setting(
        5,
        "Captions that the beam search goes on with after every word; 1 is greedy search.",
        least=1,
    )
    max_length: int = setting(20, "Most words of a caption that is written.", least=1)
    length_power: float = setting(
        0.7, "Power of a caption's length that its log-probability is divided by.", least=0
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class CaptionsConfig(
    CaptionsData,
    CaptionsModel,
    FeaturesConfig,
    SearchConfig,
    LVMLConfig,
    EncoderConfig,
    TaskConfig,
):
    """Settings of captions."""

    encoder_learning_rate: float = setting(
        1e-5, "Learning rate of an encoder that is trained (--fine_tune_encoder).", above=0
    )
    attention: str = setting(
        "soft",
        "How attention is trained: soft, hard, lvml, gumbel, reinforce, hybrid, the registered "
        "name of a layer of your own, or uniform, which chooses nothing, for comparison.",
    )
    keep: str = setting(
        "loss",
        "Weights to end with: of the last epoch, or of the best one on the validation pictures, by "
        "loss.",
        choices=("last", "loss"),
    )
    epochs: int = setting(20, "Passes over the training captions.", least=1)
    batch_size: int = setting(100, "Captions a step.", least=1)
    optimizer: str = setting(
        "adam", "SGD with momentum (sgd), or Adam (adam).", choices=("sgd", "adam")
    )
    learning_rate: float = setting(0.001, "Learning rate of the optimizer.", above=0)
    clip_norm: float | None = setting(
        5.0,
        "Largest norm of the whole gradient, which is scaled down to it; an encoder's by itself.",
        above=0,
    )
