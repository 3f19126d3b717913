"""The only train-and-evaluate: a task, its settings, and what a user brings along."""

import functools

import keras
import tensorflow as tf

from attention_zoo._attention_warnings import WARNINGS
from attention_zoo._saving.loadable import check_class_loadable, check_loadable
from attention_zoo._tensorflow import require_backend
from attention_zoo.layers import HybridAttention
from attention_zoo.report.run import OWN_DATA
from attention_zoo.training.about import write_metadata
from attention_zoo.training.brought import Brought
from attention_zoo.training.checkpoints import Checkpoints
from attention_zoo.training.checks import check_config, check_data_settings
from attention_zoo.training.components import (
    make_monitors,
    make_optimizer,
    make_switch,
    precision,
    recorded,
)
from attention_zoo.training.initial_weights import load_initial_weights
from attention_zoo.training.learning_rates import encoder_is_frozen
from attention_zoo.training.loop import Loop
from attention_zoo.training.measured import floors_of, measured_splits
from attention_zoo.training.preemption import Preempted, Preemption
from attention_zoo.training.results import evaluate_and_write
from attention_zoo.training.run_callbacks import KeepBest, Progress, StopIfNotFinite, WriteMetrics
from attention_zoo.training.splits import accept_splits, check_apart, load_splits
from attention_zoo.training.strategies import is_chief, make_strategy
from attention_zoo.training.task import config_of
from attention_zoo.training.task_path import path_of
from attention_zoo.training.workdir import Workdir, has_begun


def run_task(task, workdir, *, data=None, attention=None, optimizer=None, callbacks=(), **settings):
    """Trains, evaluates and exports one model; started again, goes on where it was broken off.

    See `attention_zoo.train`, which also takes a task by its name.
    """
    require_backend("training a task")
    brought = Brought(attention, optimizer, callbacks)
    given = brought.settled(settings)
    check_data_settings(task, data, settings)
    config = config_of(task, given)
    brought.check(config)
    keras.utils.set_random_seed(config.seed)
    strategy = make_strategy(config.strategy)
    splits = load_splits(task, config) if data is None else accept_splits(task, data, config)
    layer = brought.new_attention() or task.attention(config)
    _check(task, config, splits, layer, strategy)
    prints = task.fingerprints(config, splits)
    check_apart(
        splits,
        prints,
        task.words.examples,
        are_own=data is not None,
        has_begun=lambda: has_begun(workdir),
    )
    with strategy.scope():
        model = build_model(task, config, splits, layer, brought.optimizer)
    _check_loads(model)
    record = brought.record(recorded(config, layer))
    record |= {} if data is None else {"dataset": OWN_DATA}
    with Workdir(workdir, record, is_chief(strategy), prints) as folder:
        write_metadata(folder, task.name, task.config(), task.words, path_of(type(task)))
        return _train_and_evaluate(task, model, folder, config, splits, brought)


def _check(task, config, splits, layer, strategy):
    task.check(config, splits)
    check_config(
        config,
        layer,
        len(splits["train"].source),
        strategy.num_replicas_in_sync,
        has_validation="validation" in splits,
    )


def _check_loads(model):
    """Raises ValueError for a model that Keras could not load: now, before it is trained."""
    check_class_loadable(model)
    check_loadable(model)


def _train_and_evaluate(task, model, folder, config, splits, brought):
    """Trains what is left, measures and fills the folder; returns evaluations by split."""
    splits = task.inputs(splits, model, config, folder.path)
    measured = measured_splits(task, splits, config.seed)
    floors = floors_of(task, measured, splits["train"])  # now: what fails, fails early
    facts = _train(task, model, folder, config, splits, brought)
    model = on_one_replica(model)
    return evaluate_and_write(task, model, folder, config, splits, measured, facts, floors)


def build_model(task, config, splits, attention=None, optimizer=None):
    """The built and compiled model of a task, with the weights that it is to start from.

    Args:
        task: the `Task`.
        config: its settings.
        splits: as of `Task.load`.
        attention, optimizer: in place of the settings'.
    """
    with precision(config):
        model = task.build(config, splits, attention or task.attention(config))
    if encoder_is_frozen(config):
        model.encoder.trainable = False
    load_initial_weights(model, config.initial_weights)
    rates, steps = task.rates(config), len(splits["train"].source) // config.batch_size
    optimizer = optimizer or make_optimizer(config, model, rates, task.others, steps)
    model.compile(optimizer, **_compiled_with(model))
    return model


def _compiled_with(model):
    """Loss and metrics that a task's model was compiled with: it has another optimizer now."""
    config = model.get_compile_config() or {} if model.compiled else {}
    names = ("loss", "loss_weights", "metrics", "weighted_metrics")
    given = {name: config[name] for name in names if config.get(name) is not None}
    try:
        return keras.saving.deserialize_keras_object(given)
    except TypeError as error:  # Keras says in many lines which object it could not find
        raise ValueError(
            "the model was compiled with a loss or metric that Keras does not know when it loads "
            "the file, expected it with @keras.saving.register_keras_serializable()"
        ) from error


def _train(task, model, folder, config, splits, brought):
    """Trains the steps that are left; returns facts for results.json."""
    training, validation = splits["train"], splits.get("validation")
    probe = functools.partial(task.probe, splits)
    attention = getattr(model, "attention", None)
    switch = make_switch(config, attention, model.optimizer, probe)
    keep = None if config.keep == "last" else KeepBest(folder, config.keep, config.patience)
    collapse = task.collapse(splits, config)
    monitors = [*make_monitors(config, probe), *filter(None, (collapse, keep))]
    inputs = task.device_inputs(splits, config, model.distribute_strategy)
    loop = make_loop(model, config, **inputs)
    run_loop(
        loop,
        folder,
        config,
        lambda first_step: task.batches(training, config, first_step),
        steps_per_epoch=len(training.source) // config.batch_size,
        validation=validation and task.validation_batches(validation, config),
        callbacks=_callbacks(folder, switch, monitors, brought),
        brought=brought.callbacks,
    )
    facts = {"kept_epoch": keep.epoch} if keep else {}
    if collapse is not None:
        facts["collapsed_epoch"] = collapse.collapsed_epoch
        found = {name: getattr(collapse, name) for name in WARNINGS}
        facts |= {name: epoch for name, epoch in found.items() if epoch is not None}
    if isinstance(attention, HybridAttention):
        facts["switched_epoch"] = switch.switched_epoch
    return facts


def _callbacks(folder, switch, monitors, brought):
    """The switch first: others see the phase it sets; monitors before those that write figures."""
    callbacks = [switch, StopIfNotFinite(folder), *monitors, *brought.callbacks]
    if folder.writes:
        events = keras.callbacks.TensorBoard(str(folder.path / "tensorboard"), write_graph=False)
        callbacks += [Progress(), events, WriteMetrics(folder)]
    return [callback for callback in callbacks if callback is not None]


def make_loop(model, config, **inputs):
    """The `Loop` of the settings; `inputs` as its `prepare` and `prepare_validation`."""
    return Loop(
        model,
        **inputs,
        jit_compile={"auto": "auto", "true": True, "false": False}[config.jit_compile],
        steps_per_call=config.steps_per_call,
    )


def run_loop(
    loop, folder, config, batches, *, steps_per_epoch, callbacks, validation=None, brought=()
):
    """Trains the steps that are left, with checkpoints by the settings, until a signal.

    Args:
        loop: the `Loop`.
        folder: the `Workdir`.
        config: epochs, and when to save and how many checkpoints to keep.
        batches, steps_per_epoch, callbacks, validation: as in `Loop.fit`.
        brought: those of the callbacks that are a user's.

    Raises:
        Preempted: after SIGTERM, SIGINT or SIGHUP.
    """
    checkpoints = Checkpoints(
        folder,
        keep=config.keep_checkpoints,
        every_steps=config.checkpoint_steps or steps_per_epoch,
        every_seconds=config.checkpoint_seconds,
        brought=brought,
    )
    with Preemption() as preemption:
        finished = loop.fit(
            batches,
            epochs=config.epochs,
            steps_per_epoch=steps_per_epoch,
            validation=validation,
            callbacks=callbacks,
            checkpoints=checkpoints,
            stop=preemption,
        )
    if preemption.requested or not finished:
        name = preemption.signal.name
        notice = f"{name}: saved in {folder.path}, expected the same command to go on"
        raise Preempted(notice, preemption.signal)


def on_one_replica(model):
    """The model itself or, where it was trained under a strategy, a copy without one.

    Under a strategy Keras predicts every batch on every replica.
    """
    if isinstance(model.distribute_strategy, type(tf.distribute.get_strategy())):
        return model
    copy = type(model).from_config(model.get_config())
    copy.build(model.get_build_config()["input_shape"])
    copy.set_weights(model.get_weights())
    copy.compile_from_config(model.get_compile_config())
    pairs = zip(copy.optimizer.variables, model.optimizer.variables, strict=True)
    for mine, replicated in pairs:
        mine.assign(replicated.numpy())
    return copy
