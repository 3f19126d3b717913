"""Text: posts with a label and the words that made people give it; attention chooses a word.

The posts of HateXplain are hateful. None of their text is written to logs or errors.
"""

import dataclasses

import numpy as np
from absl import logging

from attention_zoo import datasets
from attention_zoo.datasets.text.posts import vocabulary
from attention_zoo.evaluation import evaluate_rationales
from attention_zoo.models import (
    FocusClassifier,
    TextEncoder,
    TokenEncoder,
    load_token_encoder,
    read_word_vectors,
    reading_networks,
)
from attention_zoo.models.networks.text import text_networks
from attention_zoo.tasks.classification import ClassificationTask, accepted
from attention_zoo.tasks.examples import post_examples
from attention_zoo.tasks.text_config import TextConfig
from attention_zoo.training.task import SPLITS, Words


class TextTask(ClassificationTask):
    """Posts of HateXplain, or of one's own.

    `data` of `az.train` is then `az.datasets.Posts.from_lists(…)`, or a dict of such.
    """

    name = "text"
    config = TextConfig
    data_settings = (
        *("dataset", "data_dir", "annotators", "train_split", "validation_split", "test_split"),
    )
    file_settings = ("encoder", "word_vectors")
    words = Words(
        example="post",
        examples="posts",
        segment="word",
        segments="words",
        truth="the rationale",
        known="with a rationale",
    )

    def load(self, config):
        _check(config)
        splits = {name: _load(config, name) for name in SPLITS}
        for name, split in splits.items():
            if split.left_out:
                logging.warning("%s: left out %s", name, split.left_out)
        return splits

    def settled(self, config):
        """A pretrained encoder learns more slowly than what is new, and by a schedule."""
        if not _is_pretrained(config):
            return config
        rate = 1e-3 if config.lora_rank else 5e-5
        values = {"encoder_learning_rate": rate, "warmup": 0.1, "schedule": "linear"}
        unset = {name: value for name, value in values.items() if getattr(config, name) is None}
        return dataclasses.replace(config, **unset)

    def accept(self, data, config):
        _check(config)
        return accepted(data, datasets.Posts, datasets.TextInfo, "Posts.from_lists")

    def build(self, config, splits, attention):
        """The vocabulary is that of the training posts, or of a pretrained encoder."""
        focus, classifier, encoder = _networks(config, splits["train"])
        model = FocusClassifier(
            focus,
            classifier,
            attention,
            encoder=encoder,
            inference=config.inference,
            class_names=splits["train"].known_names,
        )
        model.build((None, None, *encoder.segment_shape))
        return model

    def inputs(self, splits, model, config, workdir):
        """The posts with ids for tokens, or for pieces of words."""
        return {name: _encoded(split, model.encoder) for name, split in splits.items()}

    def evaluate(self, model, split, config):
        return evaluate_rationales(model, split.source.dataset(256), top_k=config.top_k)

    def examples(self, model, split, config):
        return post_examples(model, split)

    def card(self, config, splits):
        found = super().card(config, splits)
        if config.dataset == "hatexplain":
            found["data"]["annotators"] = config.annotators
        inputs = (
            "ids of tokens (b, m), as `model.encoder.look_up` makes them; texts in a SavedModel"
        )
        return found | {"inputs": inputs}

    def facts(self, splits):
        left_out = {name: split.left_out for name, split in splits.items()}
        return super().facts(splits) | {"left_out": left_out}

    def floors(self, splits, training):
        """Chance's, and those of logistic regression on TF-IDF: `text_floors`."""
        from attention_zoo.tasks.text_floors import tf_idf_floors  # scikit-learn is slow to import

        found, more = super().floors(splits, training), tf_idf_floors(splits, training)
        return {name: floors | more.get(name, {}) for name, floors in found.items()}

    def random_focus(self, split):
        known = split.source.has_rationale
        share = split.source.rationales.numpy()
        shares = [np.mean(marks > 0) for marks, there in zip(share, known, strict=True) if there]
        return float(np.mean(shares)) if shares else float("nan")


def _is_pretrained(config):
    """Whether the encoder is one of KerasHub, not a Keras file of tokens."""
    return config.encoder is not None and not config.encoder.endswith(".keras")


def _encoded(split, encoder):
    """The split as the encoder reads it; says what it does not read."""
    left_out = dict(split.left_out)
    if isinstance(encoder, TextEncoder):
        words, posts = encoder.num_cut(split.source.strings)
        left_out |= {"pieces of long words": words, "ends of long posts": posts}
        left_out = {reason: count for reason, count in left_out.items() if count}
        for reason in left_out.keys() - split.left_out.keys():
            logging.warning(
                "%s: the encoder leaves out %s: %d", split.split, reason, left_out[reason]
            )
    return dataclasses.replace(
        split, source=split.source.encoded(encoder.look_up), left_out=left_out
    )


def _check(config):
    """Raises ValueError for settings that no network can have, or that contradict each other."""
    for name in () if _is_pretrained(config) else ("pooling", "lora_rank"):
        if getattr(config, name) != getattr(TextConfig(), name):
            raise ValueError(
                f"{name} is {getattr(config, name)!r} without a pretrained encoder, expected one: "
                "a folder or handle of KerasHub as encoder"
            )
    if config.encoder is not None and config.word_vectors is not None:
        raise ValueError(
            f"word_vectors is {config.word_vectors!r} beside an encoder, expected one of them: "
            "the encoder has vectors of its own"
        )
    if config.subwords == 1:
        raise ValueError("subwords is 1, expected 0, or 2 or more: one of them stands for no piece")
    if config.embedding_size % 2:
        raise ValueError(
            f"embedding_size is {config.embedding_size}, expected an even number: positions are "
            "pairs of sine and cosine"
        )


def _load(config, name):
    """The `TextInfo` of "train", "validation" or "test"."""
    options = {"data_dir": config.data_dir}
    if config.dataset == "hatexplain":
        options["annotators"] = config.annotators
    split = getattr(config, f"{name}_split")
    return datasets.load(config.dataset, split, seed=config.seed, **options)[1]


def _networks(config, training):
    """(focus, classifier, encoder) of the settings."""
    options = {"dropout": config.dropout}
    if _is_pretrained(config):
        own = {"pooling": config.pooling, "lora_rank": config.lora_rank}
        encoder = TextEncoder.from_preset(config.encoder, **own)
        return *reading_networks(encoder.dim, training.num_classes, **options), encoder
    if config.encoder is not None:
        encoder = load_token_encoder(config.encoder)
        dim = encoder.network.output_shape[-1]
        return *reading_networks(dim, training.num_classes, **options), encoder
    tokens = vocabulary(training.source, config.min_count)
    if not tokens:
        raise ValueError(
            f"min_count is {config.min_count}, expected one that some token of the training "
            "posts reaches"
        )
    options |= {"dim": config.embedding_size, "token_dropout": config.token_dropout}
    options["subwords"] = config.subwords
    if config.word_vectors is not None:
        options["vectors"] = read_word_vectors(config.word_vectors, tokens, config.seed)
        options["dim"] = options["vectors"].shape[1]
        if options["dim"] % 2:
            raise ValueError(
                f"word vectors {config.word_vectors} have {options['dim']} numbers, expected an "
                "even number: positions are pairs of sine and cosine"
            )
    focus, classifier, network = text_networks(
        config.network, tokens, training.num_classes, **options
    )
    return focus, classifier, TokenEncoder(tokens, network)
