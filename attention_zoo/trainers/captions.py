r"""Trains a captioner on pictures with captions: those of COCO 2014, or your own in its layout.

    python -m attention_zoo.trainers.captions --data_dir=coco --workdir=runs/captions
    python -m attention_zoo.trainers.captions --data_dir=my_pictures --encoder=encoder.keras \
        --image_size=128

A frozen encoder runs once over all pictures, not once an epoch: what it makes of them is kept on
disk, for later runs too.

On one core of an AMD EPYC, no GPU, 2,000 pictures of Flickr8k with SqueezeNet features, 5 epochs:
6 minutes; soft attention, test pictures: perplexity 54, CIDEr 17. docs/captions.md has the others.
"""

import dataclasses
from pathlib import Path

import keras
from absl import logging
from tqdm.auto import tqdm

from attention_zoo import datasets, metrics
from attention_zoo._settings import make, setting
from attention_zoo.datasets.caption_words import vocabulary
from attention_zoo.datasets.feature_cache import DTYPES
from attention_zoo.datasets.fingerprint import file_fingerprint
from attention_zoo.evaluation import evaluate_captions
from attention_zoo.evaluation.captions import mean_top_k_error, word_perplexities
from attention_zoo.layers import SoftAttention
from attention_zoo.models import Captioner, uniform
from attention_zoo.optimizers import TwoOptimizers
from attention_zoo.trainers.about import write_about
from attention_zoo.trainers.caption_encoders import load_encoder
from attention_zoo.trainers.caption_results import evaluation_lines, write_results
from attention_zoo.trainers.command import Command
from attention_zoo.trainers.keep_best import KeepBest
from attention_zoo.trainers.run_settings import (
    LEAVES,
    RunSettings,
    check_run_settings,
    load_initial_weights,
    make_attention,
    make_optimizer,
    make_switch,
    precision,
)
from attention_zoo.trainers.strategies import is_chief, make_strategy
from attention_zoo.trainers.training import on_one_replica, train
from attention_zoo.trainers.workdir import Workdir


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(RunSettings):
    """Settings of a run; each is a flag of the same name."""

    attention: str = setting(
        "soft",
        "How attention is trained; uniform chooses nothing, for comparison.",
        choices=(*LEAVES, "hybrid", "uniform"),
    )
    data_dir: str | None = setting(
        None, "Folder in the layout of COCO, or of tensorflow_datasets with its coco_captions."
    )
    train_split: str = setting("train[:95%]", "Pictures to train on, in TFDS's slicing language.")
    validation_split: str = setting("train[95%:]", "Pictures to choose the best epoch by.")
    test_split: str = setting("validation", "Pictures to write captions of in the end.")
    image_size: int = setting(224, "Height and width that pictures are resized to.", least=1)
    min_count: int = setting(5, "Words rarer than this are unknown words.", least=1)
    max_words: int = setting(20, "Training captions are cut after so many words.", least=1)
    encoder: str | None = setting(
        None, "Keras file of a model from pictures to features; VGG19 of ImageNet if unset."
    )
    fine_tune_encoder: bool = setting(False, "Train the encoder too, on the pictures themselves.")
    encoder_learning_rate: float = setting(1e-5, "Of an encoder that is trained.", above=0)
    features_dir: str | None = setting(
        None, "Where a frozen encoder's features are kept; beside the workdir if unset."
    )
    feature_dtype: str = setting("float16", "Of the features that are kept.", choices=DTYPES)
    units: int = setting(512, "Of the LSTM.", least=1)
    embedding_size: int = setting(512, "Features of a word.", least=1)
    attention_units: int = setting(256, "Of the layer that scores regions.", least=1)
    dropout: float = setting(0.5, "Of words' and states' features.", least=0, most=0.9)
    top_k: int | None = setting(
        None, "Regions that LVML averages in training; all if unset.", least=1
    )
    beam_width: int = setting(5, "Captions that the search goes on with; 1 is greedy.", least=1)
    max_length: int = setting(20, "Most words of a caption that is written.", least=1)
    length_power: float = setting(0.7, "Of its length, that its log-probability is over.", least=0)
    keep: str = setting(
        "loss",
        "Weights to end with: of the last epoch, or of the best on the validation pictures.",
        choices=("last", "loss"),
    )
    epochs: int = setting(20, "Passes over the training captions.", least=1)
    batch_size: int = setting(100, "Captions a step.", least=1)
    optimizer: str = setting("adam", "SGD with momentum, or Adam.", choices=("sgd", "adam"))
    learning_rate: float = setting(0.001, "Of the optimizer.", above=0)
    clip_norm: float | None = setting(
        5.0,
        "Largest norm of the whole gradient, which is scaled down to it; an encoder's by itself.",
        above=0,
    )


def train_and_evaluate(workdir, **settings):
    """Trains, evaluates and exports one model; started again, goes on where it was broken off.

    Args:
        workdir: the run's folder, as that of `trainers.sdc`.
        **settings: fields of `Settings`.

    Returns:
        A `CaptionEvaluation` each for "validation" and "test".

    Raises:
        ValueError: bad settings, or a workdir that cannot be used. FileNotFoundError: the data
        or the encoder are not there. FloatingPointError: the loss is not finite. Preempted: after
        SIGTERM, SIGINT or SIGHUP.
    """
    chosen = make(Settings, settings)
    _check(chosen)
    keras.utils.set_random_seed(chosen.seed)
    strategy = make_strategy(chosen.strategy)
    infos = _load(chosen)
    sources = {name: info.source for name, info in infos.items()}
    check_run_settings(chosen, len(sources["train"]), strategy.num_replicas_in_sync)
    with strategy.scope():
        model = build_model(chosen, sources["train"].vocabulary)
    data = {name: source.fingerprint() for name, source in sources.items()}
    if chosen.encoder is not None:
        data["encoder"] = file_fingerprint(chosen.encoder)
    writes = is_chief(strategy)
    with Workdir(workdir, dataclasses.asdict(chosen), writes, data) as run:
        write_about(run, "captions", Settings())
        sources = _as_inputs(sources, model.encoder, chosen, Path(workdir))
        switch = make_switch(chosen, probe=None)
        kept = _train(model, run, chosen, sources, switch)
        model = on_one_replica(model)
        evaluations = {name: _evaluate(model, sources[name], chosen) for name in _EVALUATED}
        if run.writes:
            facts = {"kept_epoch": kept, "left_out": _left_out(infos, sources)}
            facts["missing_scores"] = metrics.missing_scores()
            pictures, switched = infos["test"].source.pictures, switch and switch.switched_epoch
            search = _search(chosen)
            write_results(run, model, evaluations, pictures, search, switched, **facts)
    return evaluations


_EVALUATED = ("validation", "test")


def _check(settings):
    """Raises ValueError for settings of other trainers, which a captioner has no use for."""
    for name, value in (("switch_when", "focus_drive"), ("focus_drive", True)):
        if getattr(settings, name) == value:
            raise ValueError(f"{name} is {value!r}, expected another: a caption has no such drive")
    if settings.classifier_learning_rate is not None:
        raise ValueError(
            f"classifier_learning_rate is {settings.classifier_learning_rate}, expected none: a "
            "captioner has learning_rate and encoder_learning_rate"
        )
    for name, reason in metrics.missing_scores().items():
        logging.warning("%s will be missing: %s", name, reason)


def _load(settings):
    """`CaptionInfo` by name, with the vocabulary of the pictures to train on."""
    options = {
        "data_dir": settings.data_dir,
        "image_size": settings.image_size,
        "min_count": settings.min_count,
    }
    _, info = datasets.load("coco_captions", settings.train_split, **options)
    words = vocabulary(info.source.texts, settings.min_count)
    source = dataclasses.replace(info.source.with_vocabulary(words), max_words=settings.max_words)
    infos = {"train": dataclasses.replace(info, source=source, vocabulary=words)}
    for name in _EVALUATED:
        split = getattr(settings, f"{name}_split")
        infos[name] = datasets.load("coco_captions", split, words=words, **options)[1]
    for name, info in infos.items():
        for reason, ids in info.left_out.items():
            logging.warning("%s: %d × %s", name, len(ids), reason)
    return infos


def build_model(settings, words):
    """The compiled `Captioner`, built, its encoder trainable or not."""
    encoder = load_encoder(settings.encoder, settings.image_size)
    encoder.trainable = settings.fine_tune_encoder
    with precision(settings):
        model = Captioner(
            words,
            _attention(settings),
            encoder=encoder,
            units=settings.units,
            embedding_dim=settings.embedding_size,
            attention_units=settings.attention_units,
            dropout=settings.dropout,
            inference=settings.inference,
            top_k=settings.top_k,
        )
    size = settings.image_size
    model.build({"image": (None, size, size, 3), "words": (None, None)})
    load_initial_weights(model, settings)
    model.compile(_optimizer(settings, model))
    return model


def _attention(settings):
    if settings.attention == "uniform":
        return SoftAttention(normalizer=uniform)
    return make_attention(settings)


def _optimizer(settings, model):
    """One optimizer, or, where the encoder is trained, another for it."""
    decoder = make_optimizer(settings, model)
    if not settings.fine_tune_encoder:
        return decoder
    rate = settings.encoder_learning_rate
    own = {id(variable) for variable in model.encoder.variables}
    return TwoOptimizers(
        focus=decoder,
        classifier=make_optimizer(dataclasses.replace(settings, learning_rate=rate), model),
        is_focus=[id(variable) not in own for variable in model.trainable_variables],
    )


def _as_inputs(sources, encoder, settings, workdir):
    """The captions with what the model is given of their pictures: features, or themselves."""
    if settings.fine_tune_encoder:
        return sources
    folder = settings.features_dir or workdir.parent / "features"
    return {
        name: source.seen_as(_features(source.pictures, encoder, folder, settings.feature_dtype))
        for name, source in sources.items()
    }


def _features(pictures, encoder, folder, dtype):
    with tqdm(total=len(pictures), unit="picture", desc="encoder", dynamic_ncols=True) as bar:
        return datasets.cached_features(
            pictures,
            encoder,
            folder,
            dtype=dtype,
            progress=lambda done, _: bar.update(done - bar.n),
        )


def _train(model, run, settings, sources, switch):
    """Trains the steps that are left; returns the epoch whose weights are kept, or None."""
    training, size = sources["train"], settings.batch_size

    def batches(first_step):
        return training.endless(size, seed=settings.seed, first_step=first_step)

    keep = None if settings.keep == "last" else KeepBest(run, settings.keep)
    train(
        model,
        run,
        settings,
        batches,
        steps_per_epoch=len(training) // size,
        validation=sources["validation"].dataset(size),
        switch=switch,
        monitors=[keep] if keep else [],
    )
    return keep and keep.epoch


def _evaluate(model, source, settings):
    batches = source.dataset(settings.batch_size)
    return evaluate_captions(
        model,
        source.by_picture(32),
        perplexities=word_perplexities(model, batches),
        top_k_error=mean_top_k_error(model, batches) if settings.top_k else None,
        **_search(settings),
    )


def _search(settings):
    names = ("beam_width", "max_length", "length_power")
    return {name: getattr(settings, name) for name in names}


def _left_out(infos, sources):
    """Ids of what was left out, by split and reason; of unreadable pictures as far as found."""
    found = {}
    for name, info in infos.items():
        pictures = info.source.pictures
        unreadable = sorted({*pictures.unreadable, *sources[name].pictures.unreadable})
        ids = pictures.ids[unreadable].tolist()
        found[name] = info.left_out | ({"picture that cannot be read": ids} if ids else {})
    return found


COMMAND = Command(train_and_evaluate, Settings, "runs/captions", evaluation_lines)
run = COMMAND.run  # the console script

if __name__ == "__main__":
    run()
