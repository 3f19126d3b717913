"""Settings of text; see `training.config`."""

import dataclasses

from attention_zoo._settings import setting
from attention_zoo.training.config import KEEP, EncoderConfig, TaskConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextData:
    """Data."""

    dataset: str = setting(
        "hatexplain",
        "HateXplain, or a folder of train.jsonl, validation.jsonl, test.jsonl.",
        choices=("hatexplain", "json_lines"),
    )
    data_dir: str | None = setting(
        None, "Folder of the files; of tensorflow_datasets if they are not there.", path=True
    )
    annotators: str = setting(
        "majority",
        "How HateXplain's annotators are summed up: a majority, any of them (union), the first.",
        choices=("majority", "union", "first"),
    )
    train_split: str = setting("train", "Posts to train on, in the TFDS slicing language.")
    validation_split: str = setting("validation", "Posts to choose the best epoch by.")
    test_split: str = setting("test", "Posts to test on, which are seen once, in the end.")
    min_count: int = setting(1, "Tokens rarer than this are unknown tokens.", least=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextModel:
    """Model."""

    network: str = setting(
        "simple",
        "Focus and classification networks, and their encoder of tokens.",
        choices=("simple", "transformer"),
    )
    embedding_size: int = setting(100, "Features of a token; even.", least=2)
    dropout: float = setting(0.5, "Dropout of features and of hidden layers.", least=0, most=0.9)
    token_dropout: float = setting(
        0.2, "Dropout of tokens, which training takes for unknown ones.", least=0, most=0.9
    )
    subwords: int = setting(
        10_000, "Vectors that the pieces of tokens share; 0 for tokens without pieces.", least=0
    )
    word_vectors: str | None = setting(
        None,
        "File of word vectors (text, a token a line) for the embedding to begin with.",
        path=True,
    )
    encoder: str | None = setting(
        None,
        "Encoder in place of the network's own: a Keras file of one of tokens (.keras), or a "
        "pretrained model of KerasHub, a folder or a handle such as bert_tiny_en_uncased or "
        "hf://user/name; settings of network, embedding, tokens and subwords then say nothing.",
        path=True,
    )
    pooling: str = setting(
        "first",
        "How the pieces of a word become the word, with a pretrained encoder: the first of them, "
        "or their mean.",
        choices=("first", "mean"),
    )
    lora_rank: int = setting(
        0,
        "Rank of the only changes that queries and values of a pretrained encoder learn (LoRA); 0 "
        "for an encoder that is trained whole.",
        least=0,
    )
    top_k: int = setting(5, "Tokens of a predicted rationale.", least=1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextConfig(TextData, TextModel, EncoderConfig, TaskConfig):
    """Settings of text."""

    keep: str = setting(
        "accuracy",
        "Weights to end with: of the last epoch, or of the best one on the validation posts, by "
        "accuracy or loss.",
        choices=KEEP,
    )
    epochs: int = setting(4, "Passes over the training posts.", least=1)
    batch_size: int = setting(64, "Posts a step.", least=1)
    optimizer: str = setting(
        "adam", "SGD with momentum (sgd), or Adam (adam).", choices=("sgd", "adam")
    )
    learning_rate: float = setting(0.001, "Learning rate of the optimizer.", above=0)
    encoder_learning_rate: float | None = setting(
        None,
        "Learning rate of the encoder; classifier_learning_rate if unset, for a pretrained one "
        "0.00005 (with LoRA 0.001).",
        above=0,
    )
    ema_momentum: float = setting(
        0.98,
        "Keeps an average of the weights over the steps, each keeping so much of it (0.98: over "
        "some fifty steps), that takes the place of the last weights in validation and in the "
        "end; 0 for none.",
        least=0,
        most=0.9999,
        unset=0.0,
    )
