"""The task of bags: splits, model, evaluation."""

import contextlib
import dataclasses

import keras
import numpy as np
from absl import logging

from attention_zoo import datasets, layers
from attention_zoo._pixels import from_bytes
from attention_zoo.datasets.bags import csv_file, digits, slides
from attention_zoo.datasets.bags.bags import padded_size
from attention_zoo.datasets.bags.folds import train_validation_test
from attention_zoo.evaluation.bags import evaluate_bags
from attention_zoo.models import POOLS, FocusClassifier
from attention_zoo.models.networks.bags import one_hot
from attention_zoo.models.networks.standardize import Standardize, moments
from attention_zoo.report.run import shown_of
from attention_zoo.report.words import kind
from attention_zoo.tasks.bags.checks import (
    check_cases,
    check_data,
    check_encoder,
    check_rates,
)
from attention_zoo.tasks.bags.config import BagsConfig
from attention_zoo.tasks.bags.networks import networks_of
from attention_zoo.tasks.bags.pictures import SHOWN, bag_examples, heat_maps
from attention_zoo.tasks.classification import ClassificationTask, accepted
from attention_zoo.training.checks import check_bytes, check_bytes_of_model
from attention_zoo.training.task import Words

_INSTANCES = 16_384  # of a batch that is not trained on, unless one bag has more
_FOLDS = 5  # unless they are set
_VALIDATION = 0.1  # share of all bags, unless it is set


class BagsTask(ClassificationTask):
    """Bags of digits, of a CSV file, of slides, or of one's own.

    `data` of `az.train` is then `az.datasets.Bags.from_lists(…)`, or a dict of such.

    Reference: Ilse, Tomczak and Welling, arXiv:1802.04712; Dietterich et al. 1997.
    """

    name = "bags"
    config = BagsConfig
    data_settings = (
        *("dataset", "data_dir", "num_examples", "num_test_examples", "mean_size"),
        *("folds", "fold", "repeat", "validation"),
    )
    file_settings = ("encoder",)
    words = Words(
        example="bag",
        examples="bags",
        segment="instance",
        segments="instances",
        truth="the key instances",
        known="with known key instances",
    )

    def settled(self, config):
        """An encoder that is fine-tuned learns more slowly than what is new."""
        if not config.fine_tune_encoder or config.encoder_learning_rate is not None:
            return config
        return dataclasses.replace(config, encoder_learning_rate=config.learning_rate / 10)

    def load(self, config):
        if config.dataset == "bags/digits":
            return _digits(config)
        if names := _own_splits(config):
            part = slides.load_parts(config.data_dir)
            return {name: part(name) for name in names}
        _tell_of_splits_passed_over(config)
        return self.cut(self.whole(config), config)

    def load_others(self, config, given, are_own):
        """Other bags are not cut, but where that is asked for: a model was trained on none."""
        is_cut = given.keys() & _CUT.keys() or config.dataset == "bags/digits"
        if "data_dir" not in given or is_cut:
            return self.load(config)
        with contextlib.suppress(ValueError):  # bags that cannot be cut so
            if are_own(own := self.load(config)):
                return own
        config = dataclasses.replace(config, **_CUT)
        if _own_splits(config):
            return self.load(config)
        whole = self.whole(config)
        logging.warning("all %d bags of %s are evaluated", len(whole.source), config.data_dir)
        return {"test": whole}

    def whole(self, config):
        """The `BagInfo` of all bags of a file or folder, before they are cut into splits.

        Raises:
            ValueError: bags that are drawn, of which there is no whole.
        """
        loaders = {"bags/csv": csv_file.load, "bags/slides": slides.load}
        if config.dataset not in loaders:
            raise ValueError(
                f"dataset is {config.dataset!r}, expected one of {sorted(loaders)}: digits have "
                "splits of their own"
            )
        return loaders[config.dataset]("all", data_dir=config.data_dir)

    def cut(self, info, config):
        """The splits of a cross-validation's fold, by name; says where validation is another."""
        source = info.source
        validation = _VALIDATION if config.validation is None else config.validation
        rows = train_validation_test(
            source.labels,
            source.cases,
            count=config.folds or _FOLDS,
            fold=config.fold,
            repeat=config.repeat,
            validation=validation,
        )
        _tell_share(len(rows.get("validation", ())), len(source), validation)
        return {
            name: dataclasses.replace(info, split=name, source=source.rows(some))
            for name, some in rows.items()
        }

    def accept(self, data, config):
        return accepted(data, datasets.Bags, datasets.BagInfo, "Bags.from_lists")

    def check(self, config, splits):
        train = splits["train"]
        present = set(train.source.labels.tolist())
        if len(present) < 2:
            raise ValueError("the training bags are all of one class, expected 2 or more")
        for name, split in splits.items():
            if split.segment_shape != train.segment_shape:
                raise ValueError(
                    f"{name} has instances of shape {split.segment_shape}, expected those of "
                    f"train, {train.segment_shape}"
                )
        dtypes = {name: _dtype(split) for name, split in splits.items()}
        check_bytes(dtypes, self.words.segments)
        check_data(config, splits, cut=not _own_splits(config))
        check_cases(splits)
        check_rates(config)
        check_encoder(config, train)
        if config.attention == "instance_max":
            logging.warning(
                "attention is instance_max: %r, the first of the classes, is taken for the "
                "negative one",
                train.class_names[0] if train.class_names else 0,
            )

    def check_model(self, model, split, class_names):
        super().check_model(model, split, class_names)
        shape = model.get_build_config()["input_shape"]["segments"][2:]
        if tuple(shape) != tuple(split.segment_shape):
            raise ValueError(
                f"{split.name} has instances of shape {split.segment_shape}, expected those of the "
                f"model, {tuple(shape)}"
            )
        check_bytes_of_model(model, split.name, _dtype(split), self.words.segments)

    def attention(self, config):
        if config.attention == "instance_max":
            return layers.SoftAttention(normalizer=one_hot)
        if config.attention in POOLS:
            return layers.SoftAttention()
        return super().attention(config)

    def build(self, config, splits, attention):
        """Features are standardised by the training bags, bytes once they are scaled."""
        data = splits["train"]
        focus, classifier, encoder = networks_of(config, data)
        model = FocusClassifier(
            focus,
            classifier,
            attention,
            encoder=encoder,
            inference=config.inference,
            class_names=data.known_names,
            byte_segments="scaled" if _dtype(data) == "uint8" else "auto",
        )
        model.build({"segments": (None, None, *data.segment_shape), "mask": (None, None)})
        for layer in encoder.network._flatten_layers():
            if isinstance(layer, Standardize):
                layer.adapt(*_moments(data.source, model))
        return model

    def batches(self, split, config, first_step):
        found = super().batches(split, config, first_step)
        if config.class_weights == "none":
            return found
        weights = class_weights(split.source.labels, split.num_classes)
        return found.map(lambda x, y: (x, y, keras.ops.take(weights, y["label"])))

    def validation_batches(self, split, config):
        return split.source.in_batches_of(_INSTANCES)

    def probe(self, splits):
        """Training bags drawn at random: at most 256, of at most 16,384 instances with padding."""
        source = splits["train"].source
        rows = np.random.default_rng(0).permutation(len(source))[:256]
        most = np.maximum.accumulate(source.lengths[rows])
        sizes = [count * padded_size(m) for count, m in enumerate(most, start=1)]
        count = max(1, int(np.sum(np.array(sizes) <= _INSTANCES)))
        return next(iter(source.rows(np.sort(rows[:count])).dataset(count)))

    def collapse(self, splits, config):
        """None with instance-max pooling, which is one-hot from the start."""
        return None if config.attention == "instance_max" else super().collapse(splits, config)

    def evaluate(self, model, split, config):
        return evaluate_bags(model, split.source.in_batches_of(_INSTANCES))

    def examples(self, model, split, config):
        return bag_examples(model, split, split.source.in_batches_of(_INSTANCES))

    def figures(self, model, split, evaluation, config):
        found = super().figures(model, split, evaluation, config)
        return found | heat_maps(model, split)

    def card(self, config, splits):
        """Of bags that were cut into folds "data" is the test split of one."""
        found, test = super().card(config, splits), splits["test"]
        shape = ", ".join(map(str, test.segment_shape))
        found["inputs"] = f"segments (b, m, {shape}) and mask (b, m), True for the instances"
        if config.dataset == "bags/digits":
            sizes = {"num_examples": config.num_test_examples, "mean_size": config.mean_size}
            found["data"] |= sizes | {"seed": config.seed}
        elif not _own_splits(config):
            folds = config.folds or _FOLDS
            found["data"] |= {"folds": folds, "fold": config.fold, "repeat": config.repeat}
            found["protocol"] += f": part {config.fold} of {folds}, stratified"
        return found

    def facts(self, splits):
        shown = SHOWN.format(kind=kind(shown_of(splits)))
        return {"pictures": super().facts(splits)["pictures"] | {"heat_maps": shown}}

    def random_focus(self, split):
        shares = [np.mean(key) for key in split.source.keys if key is not None and np.any(key)]
        return float(np.mean(shares)) if shares else float("nan")


_CUT = {"folds": None, "fold": 0, "repeat": 0, "validation": None}


def _moments(bags, model):
    """Mean and deviation (d,) of the instances as the model reads them."""
    mean, deviation = moments(bags.read(number) for number in range(len(bags)))
    if model.byte_segments != "scaled":
        return mean, deviation
    return from_bytes(mean), from_bytes(deviation) - from_bytes(0.0)


def _dtype(split):
    """The name of the type of a split's instances."""
    return np.dtype(split.source.instances.dtype).name


def _own_splits(config):
    """The splits that labels.csv names, where no folds are asked for."""
    if config.dataset != "bags/slides" or config.folds is not None:
        return []
    return slides.splits_of(config.data_dir)


def _tell_of_splits_passed_over(config):
    """Says where folds take the place of the splits that labels.csv names."""
    if config.dataset == "bags/slides" and (names := slides.splits_of(config.data_dir)):
        logging.warning(
            "folds is %d: bags are cut anew, the splits of labels.csv (%s) are passed over",
            config.folds,
            ", ".join(names),
        )


def _digits(config):
    parts = {"train": "train[:90%]", "validation": "train[90%:]", "test": "test"}
    counts = {"train": config.num_examples}
    return {
        name: digits.load(
            split,
            num_examples=counts.get(name, config.num_test_examples),
            mean_size=config.mean_size,
            seed=config.seed,
        )
        for name, split in parts.items()
    }


def _tell_share(count, bags, validation):
    """Says where the validation split is not the share that was asked for, to a tenth or a bag."""
    if abs(count - validation * bags) > max(1.0, 0.1 * validation * bags):
        logging.warning(
            "validation is %g, but %d of %d bags were cut, %.2g: one of equal parts of what is no "
            "test",
            validation,
            count,
            bags,
            count / bags,
        )


def class_weights(labels, num_classes):
    """n / (c n_y) for each class y, (c,) float32; 0 for one without examples."""
    counts = np.bincount(labels, minlength=num_classes)
    return np.where(counts, len(labels) / (num_classes * np.maximum(counts, 1)), 0.0).astype("f4")
