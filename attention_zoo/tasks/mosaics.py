"""Mosaics: one foreground image among background images; attention chooses an image."""

import dataclasses

import keras
import numpy as np

from attention_zoo import _tracing as tracing
from attention_zoo import datasets, plots
from attention_zoo.datasets.mosaics.augmentation import augmented, check_augment
from attention_zoo.datasets.mosaics.device_dataset import resident
from attention_zoo.datasets.mosaics.image_array import ImageArray
from attention_zoo.layers import PerSegment, Precomputed
from attention_zoo.models import FocusClassifier, reading_networks
from attention_zoo.models.networks.image_encoders import fine_tune, segment_network
from attention_zoo.models.networks.registry import networks
from attention_zoo.tasks.classification import ClassificationTask, accepted
from attention_zoo.tasks.examples import are_pictures, as_bytes, mosaic_examples
from attention_zoo.tasks.frozen_features import frozen_features
from attention_zoo.tasks.mosaics_config import MosaicsConfig
from attention_zoo.training.checks import (
    FEATURES,
    check_bytes,
    check_bytes_of_model,
    check_features,
    check_needs,
)
from attention_zoo.training.task import Words


class MosaicsTask(ClassificationTask):
    """Mosaics of images drawn from a data set by name, or of images of one's own.

    `data` of `az.train` is then `az.datasets.sdc.from_arrays(…)`, or a dict of such.

    Reference: arXiv:2307.13421.
    """

    name = "mosaics"
    config = MosaicsConfig
    data_settings = (
        *("dataset", "data_dir", "protocol", "train_split", "validation_split", "test_split"),
        *("num_segments", "num_examples", "num_test_examples"),
    )
    file_settings = ("encoder",)
    words = Words(example="mosaic", examples="mosaics", segment="image", segments="images")

    def load(self, config):
        return {
            name: _load(config, getattr(config, f"{name}_split"), count)
            for name, count in (
                ("train", config.num_examples),
                ("validation", config.num_test_examples),
                ("test", config.num_test_examples),
            )
            if getattr(config, f"{name}_split") is not None
        }

    def accept(self, data, config):
        kinds = datasets.Mosaics, datasets.DatasetInfo
        return accepted(data, *kinds, "datasets.sdc.from_arrays")

    def check(self, config, splits):
        check_augment(config.augment, splits["train"].segment_shape)
        dtypes = {name: _dtype(split) for name, split in splits.items()}
        check_bytes(dtypes, self.words.segments)
        _check_encoder(config, dtypes["train"])

    def check_model(self, model, split, class_names):
        super().check_model(model, split, class_names)
        check_bytes_of_model(model, split.name, _dtype(split), self.words.segments)

    def build(self, config, splits, attention):
        data = splits["train"]
        focus, classifier, encoder = _networks(config, data)
        model = FocusClassifier(
            focus,
            classifier,
            attention,
            encoder=encoder,
            inference=config.inference,
            class_names=data.known_names,
            byte_segments="scaled" if _dtype(data) == "uint8" else "auto",
        )
        model.build((None, data.num_segments, *data.segment_shape))
        return model

    def rates(self, config):
        """An encoder that is trained has a rate of its own."""
        if not config.fine_tune_encoder:
            return super().rates(config)
        rate = config.learning_rate
        return {
            "focus": rate,
            "classifier": config.classifier_learning_rate or rate,
            "encoder": config.encoder_learning_rate or rate / 10,
        }

    def inputs(self, splits, model, config, workdir):
        """Mosaics of what a frozen encoder makes of the base images, which it sees once."""
        if not isinstance(model.encoder, Precomputed):
            return splits
        folder = config.features_dir or workdir.parent / "features"
        network = model.encoder.encoder.network
        return {
            name: dataclasses.replace(
                split, source=_of_features(split.source, network, folder, config.feature_dtype)
            )
            for name, split in splits.items()
        }

    def batches(self, split, config, first_step):
        source = split.source.indices()
        return source.endless(config.batch_size, seed=config.seed, first_step=first_step)

    def validation_batches(self, split, config):
        return split.source.indices().dataset(config.batch_size)

    def device_inputs(self, splits, config, strategy):
        """Base images stay on the device; a batch is gathered and augmented there."""
        gather = resident(splits["train"].source, strategy)
        found = {"prepare": augmented(gather, config.augment, config.seed)}
        if "validation" in splits:
            found["prepare_validation"] = resident(splits["validation"].source, strategy)
        return found

    def card(self, config, splits):
        train, test = splits["train"], splits["test"]
        shape = ", ".join(map(str, test.segment_shape))
        return {
            "inputs": f"float32 (b, m, {shape}), m = {test.num_segments} in training; bytes are "
            "scaled by (x - 127.5) / 127.5",
            "data": {
                "name": test.name,
                "split": config.test_split,
                "num_segments": config.num_segments,
                "num_examples": test.num_examples,
                "protocol": config.protocol,
                "seed": config.seed,
            },
            "protocol": f"{test.protocol}: trained on {train.num_examples} mosaics of the images "
            f"{train.split!r}, measured on {test.num_examples} of {test.split!r}",
        }

    def examples(self, model, split, config):
        return mosaic_examples(model, split)

    def figures(self, model, split, evaluation, config):
        """The first eight mosaics with the model's attention, where segments are images."""
        found = super().figures(model, split, evaluation, config)
        source = split.source
        if not are_pictures(source.shown.shape[1:]):
            return found
        inputs, truth = next(iter(source.dataset(8)))
        with tracing.expected():
            outputs = model.predict_on_batch(inputs)
        return found | {
            "mosaics": plots.mosaics(
                as_bytes(np.asarray(datasets.gather_segments(source.shown, source.table[:8]))),
                outputs["focus"],
                focus=truth["focus"],
                labels=truth["label"],
                predictions=outputs["label"].argmax(axis=-1),
                class_names=split.class_names,
            )
        }


_NETWORK = {"sdc/digits": "digits", "sdc/cifar100": "cifar100", "orthogonal": "linear"}


_NEED = {
    "encoder": ("fine_tune_encoder", "image_size", *FEATURES),
    "fine_tune_encoder": ("encoder_learning_rate",),
}


def _dtype(split):
    """The name of the type of a split's base images."""
    return keras.backend.standardize_dtype(split.source.images.dtype)


def _check_encoder(config, dtype):
    """Raises ValueError for settings of an encoder that is not there, or that it has no use for."""
    check_needs(config, _NEED)
    if config.encoder is None:
        return
    check_features(config)
    if dtype != "uint8":
        raise ValueError(f"images are {dtype}, expected bytes (uint8) with an encoder")
    if config.augment != "none" and not config.fine_tune_encoder:
        raise ValueError(
            f"augment is {config.augment!r} with a frozen encoder, which sees every image once, "
            "expected 'none', or fine_tune_encoder"
        )


def _networks(config, data):
    """(focus, classifier, encoder or None) of the settings."""
    if config.encoder is None:
        name = config.network or _NETWORK.get(data.name, "cifar10")
        return *networks(name, data.segment_shape, data.num_classes), None
    network = segment_network(config.encoder, data.segment_shape, config.image_size)
    fine_tune(network, config.fine_tune_encoder)
    heads = reading_networks(network.output_shape[-1], data.num_classes)
    encoder = PerSegment(network)
    return *heads, encoder if config.fine_tune_encoder else Precomputed(encoder)


def _of_features(mosaics, network, folder, dtype):
    """The mosaics with features (N, d) for base images."""
    features = frozen_features(ImageArray(mosaics.images), network, folder, dtype)
    images = features.tensor()[:, 0].numpy().astype("float32")
    return dataclasses.replace(mosaics, images=images, pictures=mosaics.images)


def _load(config, split, num_examples):
    """The `DatasetInfo` of a split."""
    options = {"num_segments": config.num_segments, "num_examples": num_examples}
    if config.dataset == "orthogonal" and config.protocol != "disjoint":
        raise ValueError(f"protocol is {config.protocol!r}, expected 'disjoint' with orthogonal")
    if config.dataset.startswith("sdc/"):  # drawn from images
        options |= {"protocol": config.protocol, "data_dir": config.data_dir}
    return datasets.load(config.dataset, split, seed=config.seed, **options)[1]
