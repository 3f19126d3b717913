"""Trains a model by the settings every trainer has: loop, callbacks, checkpoints, signals."""

import keras
import tensorflow as tf

from attention_zoo.trainers.checkpoints import Checkpoints
from attention_zoo.trainers.loop import Loop
from attention_zoo.trainers.preemption import Preempted, Preemption
from attention_zoo.trainers.run_callbacks import Progress, StopIfNotFinite, WriteMetrics


def train(
    model,
    run,
    settings,
    batches,
    *,
    steps_per_epoch,
    validation=None,
    switch=None,
    monitors=(),
    **prepare,
):
    """Trains the steps that are left.

    Args:
        model: a built and compiled FocusClassifier.
        run: its `Workdir`.
        settings: `RunSettings`.
        batches, steps_per_epoch, validation: as in `Loop.fit`.
        switch: the `SwitchAttention` of a hybrid.
        monitors: callbacks that add to the figures of an epoch.
        **prepare: `prepare` and `prepare_validation`, as in `Loop`.

    Raises:
        Preempted: after a signal to stop. FloatingPointError: the loss is not finite.
    """
    run_loop(
        make_loop(model, settings, **prepare),
        run,
        settings,
        batches,
        steps_per_epoch=steps_per_epoch,
        validation=validation,
        callbacks=_callbacks(run, switch, monitors),
    )


def make_loop(model, settings, **prepare):
    """The `Loop` of the settings `jit_compile` and `steps_per_call`.

    Args:
        model, **prepare: as in `train`.
        settings: those of a trainer.
    """
    return Loop(
        model,
        **prepare,
        jit_compile={"auto": "auto", "true": True, "false": False}[settings.jit_compile],
        steps_per_call=settings.steps_per_call,
    )


def run_loop(loop, run, settings, batches, *, steps_per_epoch, callbacks, validation=None):
    """Trains the steps that are left, with checkpoints by the settings, until a signal.

    Args:
        loop: the `Loop`.
        run: the `Workdir`.
        settings: those of a trainer: epochs, and when to save and how many to keep.
        batches, steps_per_epoch, callbacks, validation: as in `Loop.fit`.

    Raises:
        Preempted: after SIGTERM, SIGINT or SIGHUP.
    """
    checkpoints = Checkpoints(
        run,
        keep=settings.keep_checkpoints,
        every_steps=settings.checkpoint_steps or steps_per_epoch,
        every_seconds=settings.checkpoint_seconds,
    )
    with Preemption() as preemption:
        finished = loop.fit(
            batches,
            epochs=settings.epochs,
            steps_per_epoch=steps_per_epoch,
            validation=validation,
            callbacks=callbacks,
            checkpoints=checkpoints,
            stop=preemption,
        )
    if preemption.requested or not finished:
        name = preemption.signal.name
        notice = f"{name}: saved in {run.path}, expected the same command to go on"
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


def _callbacks(run, switch, monitors):
    """The switch first: others see the phase it sets; monitors before those that write figures."""
    callbacks = [switch, StopIfNotFinite(run), *monitors]
    if run.writes:
        tensorboard = keras.callbacks.TensorBoard(str(run.path / "tensorboard"), write_graph=False)
        callbacks += [Progress(), tensorboard, WriteMetrics(run)]
    return [callback for callback in callbacks if callback is not None]
