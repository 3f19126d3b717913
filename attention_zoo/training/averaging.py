"""Averages of weights over training steps, which optimizers with `use_ema=True` keep."""

import contextlib

import keras
import numpy as np

from attention_zoo._packages import package_of


def take_averages(model):
    """Sets the weights to the optimizer's averages of them, where it keeps any, as `fit` does."""
    with model.distribute_strategy.scope():
        model.optimizer.finalize_variable_values(model.trainable_variables)


@contextlib.contextmanager
def averaged_weights(model):
    """Within, the weights are those of `take_averages`; training goes on with the others."""
    weights = model.trainable_variables
    before = [weight.numpy() for weight in weights]
    take_averages(model)
    try:
        yield
    finally:
        for weight, value in zip(weights, before, strict=True):
            weight.assign(value)


class Callbacks(keras.callbacks.CallbackList):
    """Callbacks of `Loop.fit`: in `on_epoch_end` they see the averages, as the figures `val_…` do.

    Those of this package see the weights that are trained; so does TensorBoard, which only one of
    several workers has.
    """

    def on_epoch_end(self, epoch, logs=None):
        if not _keeps_averages(self.model.optimizer):
            super().on_epoch_end(epoch, logs)
            return
        if self._async_train:
            self._flush_futures()
        logs = dict(sorted((logs or {}).items()))
        for callback in self.callbacks:
            if _sees_trained(callback):
                callback.on_epoch_end(epoch, logs)
            else:
                with _averages_for(callback, self.model):
                    callback.on_epoch_end(epoch, logs)


def _keeps_averages(optimizer):
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)  # of one that scales the loss
    parts = [getattr(optimizer, name) for name in getattr(optimizer, "part_names", ())]
    return any(one.use_ema for one in (optimizer, *parts))


def _sees_trained(callback):
    if type(callback).on_epoch_end is keras.callbacks.Callback.on_epoch_end:
        return True  # it does nothing there
    own = any(package_of(cls.__module__) == "attention_zoo" for cls in type(callback).__mro__)
    return own or isinstance(callback, keras.callbacks.TensorBoard)


@contextlib.contextmanager
def _averages_for(callback, model):
    """As `averaged_weights`; what the callback sets stays where a part has no averages."""
    weights = model.trainable_variables
    trained = [weight.numpy() for weight in weights]
    take_averages(model)
    averages = [weight.numpy() for weight in weights]
    is_set = False
    try:
        yield
    finally:
        for weight, value, average in zip(weights, trained, averages, strict=True):
            if not _equal(value, average):
                is_set = is_set or not _equal(weight.numpy(), average)
                weight.assign(value)
    if is_set:
        raise ValueError(
            f"callback {type(callback).__name__} set weights at the end of an epoch, where they "
            "are averages over the steps, expected none that does, or ema_momentum 0"
        )


def _equal(one, other):
    return np.array_equal(one, other, equal_nan=True)
