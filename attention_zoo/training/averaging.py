"""Averages of weights over training steps, which optimizers with `use_ema=True` keep."""

import contextlib


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
