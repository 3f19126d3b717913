"""Captions: pictures and what people said of them; attention chooses a region for every word.

A frozen encoder runs once over all pictures, not once an epoch: what it makes of them is kept on
disk, for later runs too.
"""

import dataclasses
import json

import keras
import numpy as np
from absl import logging

from attention_zoo import datasets, metrics, plots
from attention_zoo._export import export
from attention_zoo.datasets.captions.words import vocabulary
from attention_zoo.evaluation import evaluate_captions
from attention_zoo.evaluation.captions import word_figures
from attention_zoo.layers import SoftAttention
from attention_zoo.models import Captioner, uniform
from attention_zoo.models.networks.image_encoders import fine_tune, load_encoder
from attention_zoo.models.networks.standardize import moments
from attention_zoo.tasks.captions_config import CaptionsConfig
from attention_zoo.tasks.frozen_features import frozen_features
from attention_zoo.training.checks import check_features, check_needs
from attention_zoo.training.task import Task, Words


class CaptionsTask(Task):
    """Pictures of COCO 2014, or of one's own in its layout.

    `data` of `az.train` is then a dict of `az.datasets.CaptionInfo`.

    Reference: Xu et al., Show, Attend and Tell, arXiv:1502.03044.
    """

    name = "captions"
    config = CaptionsConfig
    data_settings = ("data_dir", "train_split", "validation_split", "test_split", "min_count")
    file_settings = ("encoder",)
    words = Words(
        example="picture",
        examples="pictures",
        segment="region",
        segments="regions",
    )
    measured = ("validation", "test")
    others = "decoder"

    def load(self, config):
        """With the vocabulary of the pictures to train on."""
        _check(config)
        options = {
            "data_dir": config.data_dir,
            "image_size": config.image_size,
            "min_count": config.min_count,
        }
        _, training = datasets.load("coco_captions", config.train_split, **options)
        words = vocabulary(training.source.texts, config.min_count)
        source = training.source.with_vocabulary(words)
        splits = {"train": dataclasses.replace(training, source=source)}
        for name in self.measured:
            split = getattr(config, f"{name}_split")
            splits[name] = datasets.load("coco_captions", split, words=words, **options)[1]
        for name, split in splits.items():
            for reason, ids in split.left_out.items():
                logging.warning("%s: %d × %s", name, len(ids), reason)
        return splits

    def accept(self, data, config):
        _check(config)
        if not isinstance(data, datasets.CaptionInfo):
            raise ValueError(
                f"data is a {type(data).__name__}, expected CaptionInfo, as datasets.load gives it"
            )
        return data

    def check(self, config, splits):
        check_needs(config, _NEED)
        check_features(config)

    def attention(self, config):
        if config.entropy_penalty:
            raise ValueError(
                f"entropy_penalty is {config.entropy_penalty} with captions, expected 0"
            )
        if config.attention == "uniform":
            return SoftAttention(normalizer=uniform)
        return super().attention(config)

    def build(self, config, splits, attention):
        """The encoder is trained or not, as the settings say."""
        size = config.image_size
        encoder = load_encoder(config.encoder, size)
        fine_tune(encoder, config.fine_tune_encoder)
        model = Captioner(
            splits["train"].vocabulary,
            attention,
            encoder=encoder,
            units=config.units,
            embedding_dim=config.embedding_size,
            attention_units=config.attention_units,
            dropout=config.dropout,
            inference=config.inference,
            top_k=config.top_k,
            standardize=config.standardize,
        )
        model.build({"image": (None, size, size, 3), "words": (None, None)})
        return model

    def rates(self, config):
        if not config.fine_tune_encoder:
            return {}
        return {"decoder": config.learning_rate, "encoder": config.encoder_learning_rate}

    def inputs(self, splits, model, config, workdir):
        """The captions with what the model is given of their pictures: features, or themselves.

        A model whose features are to be standardised, and are not yet, is told how.
        """
        found = {k: _with_vocabulary(one, model.vocabulary) for k, one in splits.items()}
        if "train" in found and found["train"].source.max_words is None:
            found["train"] = _cut(found["train"], config.max_words)
        if not config.fine_tune_encoder:
            folder = config.features_dir or workdir.parent / "features"
            found = {
                name: _of_features(split, model.encoder, folder, config.feature_dtype)
                for name, split in found.items()
            }
        if "train" in found and model.standardize and not model.standardize.is_adapted:
            model.standardize.adapt(*moments(_regions(model, found["train"].source)))
        return found

    def validation_batches(self, split, config):
        return split.source.dataset(config.batch_size)

    def evaluate(self, model, split, config):
        batches = split.source.dataset(config.batch_size)
        return evaluate_captions(
            model,
            split.source.by_picture(32),
            **word_figures(model, batches),
            **_search(config),
        )

    def figures(self, model, split, evaluation, config, count=4):
        """The first pictures with their captions, word by word."""
        if evaluation.grid is None:
            return {}  # no grid to lay over a picture
        return {
            "captions": plots.captions(
                _pictures(split)[evaluation.pictures[:count]],
                evaluation.captions[:count],
                evaluation.focus[:count],
                hard=model.way_to_predict == "argmax",
                grid=evaluation.grid,
            )
        }

    def files(self, model, splits, evaluations, config):
        """captions.json, as the COCO challenge wants it: the test pictures' ids and captions.

        Those of the last split there is, where there are no test pictures.
        """
        name, found = list(evaluations.items())[-1]
        ids = _pictures(splits[name]).ids[found.pictures].tolist()
        written = zip(ids, found.captions, strict=True)
        entries = [{"image_id": own, "caption": caption} for own, caption in written]
        return {"captions.json": json.dumps(entries, indent=2) + "\n"}

    def facts(self, splits):
        left_out = {name: _left_out(split) for name, split in splits.items()}
        return {"left_out": left_out, "missing_scores": metrics.missing_scores()}

    def export(self, model, path, config):
        export(model, path, image_size=(config.image_size,) * 2, **_search(config))


_NEED = {"fine_tune_encoder": ("encoder_learning_rate", "layer_decay", "frozen_epochs")}


def _check(config):
    """Raises ValueError for settings of other tasks, which a captioner has no use for."""
    for name, value in (("switch_when", "focus_drive"), ("focus_drive", True)):
        if getattr(config, name) == value:
            raise ValueError(f"{name} is {value!r}, expected another: a caption has no such drive")
    if config.classifier_learning_rate is not None:
        raise ValueError(
            f"classifier_learning_rate is {config.classifier_learning_rate}, expected none: a "
            "captioner has learning_rate and encoder_learning_rate"
        )
    for name, reason in metrics.missing_scores().items():
        logging.warning("%s will be missing: %s", name, reason)


def _cut(split, max_words):
    """The split with captions cut after some words, all batches of that length."""
    return dataclasses.replace(split, source=dataclasses.replace(split.source, max_words=max_words))


def _with_vocabulary(split, words):
    """The split with ids of a model's words."""
    if split.vocabulary == tuple(words):
        return split
    return dataclasses.replace(split, source=split.source.with_vocabulary(words))


def _of_features(split, encoder, folder, dtype):
    """The split with what an encoder makes of its pictures, from its cache."""
    features = frozen_features(split.source.pictures, encoder, folder, dtype)
    return dataclasses.replace(split, source=split.source.seen_as(features))


_SAMPLE = 512  # pictures


def _regions(model, captions):
    """Arrays (n, d) of the regions of some pictures, evenly spaced among those of captions."""
    numbers = np.unique(captions.picture_of)
    chosen = numbers[:: -(-len(numbers) // _SAMPLE)]
    few = captions.rows(np.flatnonzero(np.isin(captions.picture_of, chosen)))
    for inputs, _ in few.by_picture(32):
        features = keras.ops.cast(model.features(inputs), "float32")
        yield keras.ops.convert_to_numpy(features).reshape(-1, features.shape[-1])


def _pictures(split):
    """The `Pictures` of captions, also of those that have features in their place."""
    found = split.source.pictures
    return getattr(found, "pictures", found)


def _search(config):
    names = ("beam_width", "max_length", "length_power")
    return {name: getattr(config, name) for name in names}


def _left_out(split):
    """Ids of what was left out, by reason; of unreadable pictures as far as found."""
    pictures = _pictures(split)
    unreadable = sorted({*pictures.unreadable, *split.source.pictures.unreadable})
    ids = pictures.ids[unreadable].tolist()
    return split.left_out | ({"picture that cannot be read": ids} if ids else {})
