r"""Trains a focus and a classification network on the tokens of HateXplain's posts, or of your own.

    python -m attention_zoo.trainers.hatexplain --data_dir=hatexplain --workdir=runs/hatexplain
    python -m attention_zoo.trainers.hatexplain --dataset=json_lines --data_dir=my_posts

On one core of an AMD EPYC, no GPU, the simple model takes 60 s from start to finished folder; with
soft attention it has an accuracy of 66.5 % on the test posts and FT 88.6 %, the transformer 67.4 %
and 56.1 %. docs/hatexplain.md has all results.

The posts of HateXplain are hateful. None of their text is written to logs or errors.
"""

import dataclasses

import keras
from absl import logging

from attention_zoo import datasets
from attention_zoo._settings import make, setting
from attention_zoo.datasets.annotated_post import ANNOTATORS
from attention_zoo.datasets.fingerprint import file_fingerprint
from attention_zoo.datasets.vocabulary import vocabulary
from attention_zoo.evaluation import evaluate_rationales
from attention_zoo.models import (
    TEXT_NETWORKS,
    FocusClassifier,
    TokenEncoder,
    load_token_encoder,
    read_word_vectors,
    reading_networks,
    text_networks,
)
from attention_zoo.trainers.about import write_about
from attention_zoo.trainers.command import Command
from attention_zoo.trainers.examples import post_examples
from attention_zoo.trainers.keep_best import KEEP, KeepBest
from attention_zoo.trainers.results import evaluation_tables, write_results
from attention_zoo.trainers.run_settings import (
    RunSettings,
    check_run_settings,
    load_initial_weights,
    make_attention,
    make_monitors,
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

    dataset: str = setting(
        "hatexplain",
        "HateXplain, or a folder of train.jsonl, validation.jsonl, test.jsonl.",
        choices=("hatexplain", "json_lines"),
    )
    data_dir: str | None = setting(
        None, "Folder of the files; of tensorflow_datasets if they are not there."
    )
    annotators: str = setting(
        "majority", "How HateXplain's annotators are summed up.", choices=ANNOTATORS
    )
    train_split: str = setting("train", "Posts to train on, in the TFDS slicing language.")
    validation_split: str = setting("validation", "Posts to choose the best epoch by.")
    test_split: str = setting("test", "Posts to test on.")
    network: str = setting(
        "simple", "Pair of networks and their encoder.", choices=tuple(TEXT_NETWORKS)
    )
    embedding_size: int = setting(100, "Features of a token; even.", least=2)
    dropout: float = setting(0.5, "Of features and of hidden layers.", least=0, most=0.9)
    token_dropout: float = setting(
        0.2, "Of tokens, which training takes for unknown ones.", least=0, most=0.9
    )
    subwords: int = setting(
        10_000, "Vectors that the pieces of tokens share; 0 for tokens without pieces.", least=0
    )
    min_count: int = setting(1, "Tokens rarer than this are unknown tokens.", least=1)
    word_vectors: str | None = setting(
        None, "File of word vectors (text, a token a line) for the embedding to begin with."
    )
    encoder: str | None = setting(
        None,
        "Keras file of an encoder of tokens to use in place of the network's own; settings of "
        "network, embedding, tokens and subwords then say nothing.",
    )
    top_k: int = setting(5, "Tokens of a predicted rationale.", least=1)
    keep: str = setting(
        "accuracy",
        "Weights to end with: of the last epoch, or of the best on the validation posts.",
        choices=("last", *KEEP),
    )
    epochs: int = setting(4, "Passes over the training posts.", least=1)
    batch_size: int = setting(64, "Posts a step.", least=1)
    optimizer: str = setting("adam", "SGD with momentum, or Adam.", choices=("sgd", "adam"))
    learning_rate: float = setting(0.001, "Of the optimizer.", above=0)
    ema_momentum: float | None = setting(
        0.98, "As in other trainers; an average over some fifty steps.", above=0, most=0.9999
    )


def train_and_evaluate(workdir, **settings):
    """Trains, evaluates and exports one model; started again, goes on where it was broken off.

    Args:
        workdir: the run's folder, as that of `trainers.sdc`.
        **settings: fields of `Settings`.

    Returns:
        A `RationaleEvaluation` each for "train", on as many of its posts as there are test posts,
        "validation" and "test".

    Raises:
        ValueError: bad settings, or a workdir that cannot be used. FileNotFoundError: the data
        are not there. FloatingPointError: the loss is not finite. Preempted: after a signal.
    """
    chosen = make(Settings, settings)
    _check(chosen)
    keras.utils.set_random_seed(chosen.seed)
    strategy = make_strategy(chosen.strategy)
    infos = {name: _load(chosen, name) for name in ("train", "validation", "test")}
    for name, info in infos.items():
        if info.left_out:
            logging.warning("%s: left out %s", name, info.left_out)
    check_run_settings(chosen, infos["train"].num_examples, strategy.num_replicas_in_sync)
    with strategy.scope():
        model = build_model(chosen, infos["train"])
    posts = {name: info.source.encoded(model.encoder.look_up) for name, info in infos.items()}
    writes = is_chief(strategy)
    with Workdir(workdir, dataclasses.asdict(chosen), writes, _data(chosen, infos)) as run:
        write_about(run, "hatexplain", Settings())
        switch = make_switch(chosen, lambda: _probe(posts))
        monitors = make_monitors(chosen, lambda: _probe(posts))
        kept = _train(model, run, chosen, posts, switch, monitors)
        model = on_one_replica(model)
        posts["train"] = posts["train"].head(len(posts["test"]))
        evaluations = {
            name: evaluate_rationales(model, some.dataset(256), top_k=chosen.top_k)
            for name, some in posts.items()
        }
        if run.writes:
            left_out = {name: info.left_out for name, info in infos.items()}
            facts = {"kept_epoch": kept, "left_out": left_out}
            examples = post_examples(model, infos["test"], posts["test"])
            switched = switch and switch.switched_epoch
            write_results(
                run, model, evaluations, switch_epoch=switched, examples=examples, **facts
            )
    return evaluations


def _check(settings):
    """Raises ValueError for settings that no network can have, or that contradict each other."""
    if settings.encoder is not None and settings.word_vectors is not None:
        raise ValueError(
            f"word_vectors is {settings.word_vectors!r} beside an encoder, expected one of them: "
            "the encoder has vectors of its own"
        )
    if settings.subwords == 1:
        raise ValueError("subwords is 1, expected 0, or 2 or more: one of them stands for no piece")
    if settings.embedding_size % 2:
        raise ValueError(
            f"embedding_size is {settings.embedding_size}, expected an even number: positions are "
            "pairs of sine and cosine"
        )


def _data(settings, infos):
    """Fingerprints of the posts, and of the files that networks come from."""
    data = {name: info.source.fingerprint() for name, info in infos.items()}
    for name in ("word_vectors", "encoder"):
        path = getattr(settings, name)
        data |= {} if path is None else {name: file_fingerprint(path)}
    return data


def _load(settings, name):
    """The `TextInfo` of "train", "validation" or "test"."""
    options = {"data_dir": settings.data_dir}
    if settings.dataset == "hatexplain":
        options["annotators"] = settings.annotators
    split = getattr(settings, f"{name}_split")
    return datasets.load(settings.dataset, split, seed=settings.seed, **options)[1]


def build_model(settings, info):
    """The compiled FocusClassifier, built; its vocabulary is that of the training posts."""
    with precision(settings):
        focus, classifier, encoder = _networks(settings, info)
        model = FocusClassifier(
            focus,
            classifier,
            make_attention(settings),
            encoder=encoder,
            inference=settings.inference,
            class_names=info.class_names,
        )
        model.build((None, None))
    load_initial_weights(model, settings)
    model.compile(make_optimizer(settings, model))
    return model


def _networks(settings, info):
    """(focus, classifier, encoder) of the settings."""
    options = {"dropout": settings.dropout}
    if settings.encoder is not None:
        encoder = load_token_encoder(settings.encoder)
        return *reading_networks(
            encoder.network.output_shape[-1], info.num_classes, **options
        ), encoder
    tokens = vocabulary(info.source, settings.min_count)
    if not tokens:
        raise ValueError(
            f"min_count is {settings.min_count}, expected one that some token of the training "
            "posts reaches"
        )
    options |= {"dim": settings.embedding_size, "token_dropout": settings.token_dropout}
    options["subwords"] = settings.subwords
    if settings.word_vectors is not None:
        options["vectors"] = read_word_vectors(settings.word_vectors, tokens, settings.seed)
        options["dim"] = options["vectors"].shape[1]
        if options["dim"] % 2:
            raise ValueError(
                f"word vectors {settings.word_vectors} have {options['dim']} numbers, expected an "
                "even number: positions are pairs of sine and cosine"
            )
    focus, classifier, network = text_networks(
        settings.network, tokens, info.num_classes, **options
    )
    return focus, classifier, TokenEncoder(tokens, network)


def _probe(posts):
    """A batch of training posts to measure the drive to focus on."""
    return next(iter(posts["train"].dataset(256)))


def _train(model, run, settings, posts, switch, monitors):
    """Trains the steps that are left; returns the epoch whose weights are kept, or None."""
    training, size = posts["train"], settings.batch_size

    def batches(first_step):
        return training.endless(size, seed=settings.seed, first_step=first_step)

    keep = None if settings.keep == "last" else KeepBest(run, settings.keep)
    train(
        model,
        run,
        settings,
        batches,
        steps_per_epoch=len(training) // size,
        validation=posts["validation"].dataset(256),
        switch=switch,
        monitors=[*monitors, *([keep] if keep else [])],
    )
    return keep and keep.epoch


COMMAND = Command(train_and_evaluate, Settings, "runs/hatexplain", evaluation_tables)
run = COMMAND.run  # the console script

if __name__ == "__main__":
    run()
