import keras
import numpy as np
import pytest

from attention_zoo.callbacks import reset

FIT = {"batch_size": 4, "shuffle": False, "verbose": 0}  # three steps an epoch

OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    "adam": lambda: keras.optimizers.Adam(0.1, amsgrad=True),
    "adagrad": lambda: keras.optimizers.Adagrad(0.1, initial_accumulator_value=0.3),
    "nadam": lambda: keras.optimizers.Nadam(0.1),
    "averaged": lambda: keras.optimizers.SGD(0.1, use_ema=True),
    "accumulating": lambda: keras.optimizers.SGD(0.1, gradient_accumulation_steps=2),
    "schedule": lambda: keras.optimizers.SGD(keras.optimizers.schedules.CosineDecay(0.1, 10)),
    "scaled": lambda: keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(0.1, momentum=0.9), initial_scale=8.0, dynamic_growth_steps=2
    ),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_reset_is_the_state_before_the_first_step(linear_model, data, name):
    model = linear_model()
    model.compile(OPTIMIZERS[name](), run_eagerly=True, auto_scale_loss=False)
    model.optimizer.build(model.trainable_variables)
    before = [v.numpy() for v in model.optimizer.variables]
    model.fit(*data, **FIT)
    assert any(np.any(v.numpy() != b) for v, b in zip(model.optimizer.variables, before))
    reset(model.optimizer, model.trainable_variables)
    for variable, expected in zip(model.optimizer.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), expected)


@pytest.mark.parametrize("name", ["adam", "scaled"])
def test_reset_keeps_the_learning_rate(linear_model, data, name):
    model = linear_model()
    model.compile(OPTIMIZERS[name](), run_eagerly=True)
    model.fit(*data, **FIT)
    model.optimizer.learning_rate = 0.07
    reset(model.optimizer, model.trainable_variables)
    assert float(model.optimizer.learning_rate.numpy()) == np.float32(0.07)


def test_reset_leaves_an_unbuilt_optimizer_to_be_built(linear_model):
    optimizer = keras.optimizers.SGD(0.1)
    reset(optimizer, linear_model().trainable_variables)
    assert not optimizer.built
