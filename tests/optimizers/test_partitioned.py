"""PartitionedOptimizer: the steps of its parts, their settings, and what is saved."""

import keras
import numpy as np
import pytest
from keras.optimizers import SGD, Adam, LossScaleOptimizer
from support.optimizers import FIT, assert_equal, rate, values

from attention_zoo.callbacks import reset
from attention_zoo.models import FocusClassifier
from attention_zoo.optimizers import PartitionedOptimizer


def test_each_network_takes_its_own_steps(linear_model):
    """Against NumPy: plain gradient descent for the focus, momentum for the rest."""
    model = linear_model()
    u, w, e = (value.astype("float64") for value in values(model.trainable_variables))
    optimizer = PartitionedOptimizer.of(model, focus=SGD(0.1), classifier=SGD(0.01, momentum=0.9))
    rng = np.random.default_rng(1)
    m_w, m_e = np.zeros_like(w), np.zeros_like(e)
    for step in range(4):
        g_u, g_w, g_e = (rng.normal(size=x.shape) for x in (u, w, e))
        grads = [keras.ops.cast(g, "float32") for g in (g_u, g_w, g_e)]
        optimizer.apply_gradients(zip(grads, model.trainable_variables, strict=True))
        m_w, m_e = 0.9 * m_w - 0.01 * g_w, 0.9 * m_e - 0.01 * g_e
        u, w, e = u - 0.1 * g_u, w + m_w, e + m_e
        assert int(optimizer.iterations.numpy()) == step + 1
    for value, expected in zip(values(model.trainable_variables), (u, w, e), strict=True):
        np.testing.assert_allclose(value, expected, atol=1e-6)


def test_each_clips_the_gradient_of_its_own_share(linear_model):
    """Norms 10 and 10: the focus's is cut to 1, the rest's, of two variables together, to 5."""
    model = linear_model()
    before = values(model.trainable_variables)
    optimizer = PartitionedOptimizer.of(
        model, focus=SGD(1.0, clipnorm=1.0), classifier=SGD(1.0, global_clipnorm=5.0)
    )
    grads = [np.zeros(x.shape, "float32") for x in before]
    grads[0][0], grads[1][0, 0], grads[2][0] = 10.0, 6.0, 8.0
    optimizer.apply([keras.ops.convert_to_tensor(g) for g in grads], model.trainable_variables)
    steps = [b - a for b, a in zip(before, values(model.trainable_variables), strict=True)]
    np.testing.assert_allclose(steps[0], grads[0] / 10, atol=1e-6)
    np.testing.assert_allclose(steps[1], grads[1] / 2, atol=1e-6)
    np.testing.assert_allclose(steps[2], grads[2] / 2, atol=1e-6)


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("make", [lambda: SGD(0.1, momentum=0.9), lambda: Adam(0.1)])
def test_two_of_equal_settings_are_one(linear_model, data, make, jit_compile):
    one, two = linear_model(), linear_model()
    two.set_weights(one.get_weights())
    one.compile(make(), jit_compile=jit_compile)
    two.compile(
        PartitionedOptimizer.of(two, focus=make(), classifier=make()), jit_compile=jit_compile
    )
    for model in (one, two):
        model.fit(*data, epochs=3, **FIT)
    assert_equal(values(two.trainable_variables), values(one.trainable_variables))


def test_two_replicas_take_the_steps_of_one(linear_model, data, two_replicas):
    def trained(start=None):
        model = linear_model("lvml")
        if start is not None:
            model.set_weights(start)
        start = model.get_weights()
        optimizers = {"focus": SGD(0.5), "classifier": SGD(0.1, momentum=0.9)}
        model.compile(PartitionedOptimizer.of(model, **optimizers))
        model.fit(*data, epochs=2, **FIT)
        return model, start

    one, start = trained()
    with two_replicas.scope():
        two, _ = trained(start)
    assert_equal(values(two.optimizer.variables)[:1], values(one.optimizer.variables)[:1])
    for pair in (
        (one.trainable_variables, two.trainable_variables),
        (
            one.optimizer.variables,
            two.optimizer.variables,
        ),
    ):
        for a, b in zip(*map(values, pair), strict=True):
            np.testing.assert_allclose(b, a, atol=1e-5)


@pytest.mark.parametrize("on_replicas", [False, True])
def test_a_loss_scale_goes_around_it(linear_model, data, on_replicas, two_replicas):
    """Powers of two: scaled and unscaled gradients are the same bits."""

    def trained(scaled, start=None):
        model = linear_model()
        if start is not None:
            model.set_weights(start)
        start = model.get_weights()
        optimizers = {"focus": SGD(0.5), "classifier": SGD(0.1, momentum=0.9)}
        optimizer = PartitionedOptimizer.of(model, **optimizers)
        model.compile(LossScaleOptimizer(optimizer) if scaled else optimizer)
        model.fit(*data, **FIT)
        return model, start

    plain, start = trained(scaled=False)
    if on_replicas:
        with two_replicas.scope():
            scaled, _ = trained(True, start)
    else:
        scaled, _ = trained(True, start)
    for a, b in zip(
        values(scaled.trainable_variables), values(plain.trainable_variables), strict=True
    ):
        np.testing.assert_allclose(a, b, atol=1e-6 if on_replicas else 0)
    assert rate(scaled.optimizer) == 0.5


def test_a_step_that_is_not_finite_is_skipped_under_a_loss_scale(linear_model, data):
    model = linear_model()
    before = values(model.trainable_variables)
    optimizer = PartitionedOptimizer.of(model, focus=SGD(0.5), classifier=SGD(0.5))
    model.compile(LossScaleOptimizer(optimizer))
    model.fit(data[0] * np.nan, data[1], batch_size=12, verbose=0)
    assert_equal(values(model.trainable_variables), before)
    assert float(model.optimizer.dynamic_scale.numpy()) == 2.0**14


@keras.saving.register_keras_serializable(package="test_optimizers")
class Scorer(keras.Model):
    """Its layer is named anew in every copy, so no path is the same after loading."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.dense = keras.layers.Dense(1)

    def call(self, x):
        return self.dense(x)


@pytest.mark.parametrize("scaled", [False, True])
def test_a_loaded_model_goes_on_as_the_saved_one(data, tmp_path, scaled):
    model = FocusClassifier(Scorer(), keras.Sequential([keras.layers.Dense(3)]), "lvml")
    model.build((None, 3, 4))
    optimizer = PartitionedOptimizer.of(model, focus=SGD(0.5, momentum=0.5), classifier=Adam(0.1))
    model.compile(LossScaleOptimizer(optimizer) if scaled else optimizer)
    model.fit(*data, **FIT)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    paths = [[v.path for v in m.trainable_variables] for m in (model, loaded)]
    assert not set(paths[0]) & set(paths[1])
    assert_equal(values(loaded.optimizer.variables), values(model.optimizer.variables))
    for one in (model, loaded):
        one.fit(*data, **FIT)
    assert_equal(values(loaded.trainable_variables), values(model.trainable_variables))
    assert_equal(values(loaded.optimizer.variables), values(model.optimizer.variables))


def test_weights_saved_alone_hold_each_state_once(linear_model, data, tmp_path):
    model, other = linear_model(), linear_model()
    for one in (model, other):
        optimizers = {"focus": SGD(0.5, momentum=0.5), "classifier": Adam(0.1)}
        one.compile(PartitionedOptimizer.of(one, **optimizers))
        one.optimizer.build(one.trainable_variables)
    model.fit(*data, **FIT)
    model.save_weights(tmp_path / "model.weights.h5")
    other.load_weights(tmp_path / "model.weights.h5")
    assert_equal(values(other.optimizer.variables), values(model.optimizer.variables))
    other.optimizer.set_weights([0 * value for value in values(model.optimizer.variables)])
    assert not any(value.any() for value in values(other.optimizer.variables))


def test_three_parts_take_each_its_own_steps(with_encoder):
    """Plain gradient descent: a variable moves by its part's rate times its gradient."""
    model = with_encoder()
    parts = {"focus": SGD(0.1), "classifier": SGD(0.2), "encoder": SGD(0.4)}
    optimizer = PartitionedOptimizer.of(model, **parts)
    before = values(model.trainable_variables)
    ones = [keras.ops.ones_like(v) for v in model.trainable_variables]
    optimizer.apply(ones, model.trainable_variables)
    for part, optimizer in parts.items():
        for variable in getattr(model, part).trainable_variables:
            at = [v is variable for v in model.trainable_variables].index(True)
            np.testing.assert_allclose(before[at] - variable.numpy(), rate(optimizer), atol=1e-6)


def test_excluded_variables_do_not_decay(linear_model):
    """Rate 1, no gradient: what decays halves."""
    model = linear_model()
    before = values(model.trainable_variables)
    optimizer = PartitionedOptimizer.of(
        model, focus=SGD(1.0, weight_decay=0.5), classifier=SGD(1.0, weight_decay=0.5)
    )
    focus, kernel, bias = model.trainable_variables
    optimizer.exclude_from_weight_decay(var_list=[focus], var_names=["bias"])
    zeros = [keras.ops.zeros_like(v) for v in model.trainable_variables]
    optimizer.apply(zeros, model.trainable_variables)
    assert_equal(values([focus, bias]), [before[0], before[2]])
    np.testing.assert_allclose(kernel.numpy(), before[1] / 2, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "value"), [("clipnorm", 1.0), ("weight_decay", 0.1), ("loss_scale_factor", 2.0)]
)
def test_settings_of_the_whole_are_refused(linear_model, name, value):
    optimizer = PartitionedOptimizer.of(linear_model(), focus=SGD(0.5), classifier=SGD(0.1))
    with pytest.raises(ValueError, match=f"^{name} is set to {value} on Partitioned.* focus, cl"):
        setattr(optimizer, name, value)


def test_accumulated_gradients_count_as_updates(linear_model, data):
    model = linear_model()
    settings = {"gradient_accumulation_steps": 3}
    optimizers = {"focus": SGD(0.5, **settings), "classifier": SGD(0.1, **settings)}
    model.compile(PartitionedOptimizer.of(model, **optimizers))
    model.fit(*data, epochs=2, **FIT)
    assert int(model.optimizer.iterations) == int(optimizers["focus"].iterations) == 2


def test_averages_take_the_place_of_weights_in_validation(linear_model, data):
    """Momentum 0: the averages are the weights, in the model's own order."""
    model = linear_model()
    settings = {"use_ema": True, "ema_momentum": 0.0}
    optimizers = {"focus": SGD(0.5, **settings), "classifier": SGD(0.1, **settings)}
    model.compile(PartitionedOptimizer.of(model, **optimizers))
    swap = keras.callbacks.SwapEMAWeights()
    history = model.fit(*data, validation_data=data, callbacks=[swap], **FIT).history
    assert history["val_loss"][0] == pytest.approx(model.evaluate(*data, verbose=0)[0], abs=1e-6)


def test_tensorboard_and_averages_work(linear_model, data, tmp_path):
    """The average of weights, which one of them keeps, takes their place after fit."""
    model = linear_model()
    averaging = SGD(0.1, use_ema=True, ema_momentum=0.0)
    model.compile(PartitionedOptimizer.of(model, focus=SGD(0.5), classifier=averaging))
    model.fit(*data, callbacks=[keras.callbacks.TensorBoard(tmp_path, write_graph=False)], **FIT)
    averages = values(averaging.variables)[2:]
    assert_equal(values(model.classifier.trainable_variables), averages)


def test_what_does_not_decay_is_saved(linear_model, data, tmp_path):
    """Keras forgets it; by list and by name, and after the reset of a switch too."""
    model = linear_model()
    settings = {"weight_decay": 0.5}
    optimizer = PartitionedOptimizer.of(
        model, focus=SGD(1.0, **settings), classifier=SGD(1.0, **settings)
    )
    focus, _, bias = model.trainable_variables
    optimizer.exclude_from_weight_decay(var_list=[focus], var_names=["bias"])
    model.compile(optimizer)
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    twin = linear_model()
    twin.compile(PartitionedOptimizer.from_config(optimizer.get_config()))
    reset(optimizer, model.trainable_variables)
    for one in (model, loaded, twin):
        before = values(one.trainable_variables)
        zeros = [keras.ops.zeros_like(v) for v in one.trainable_variables]
        one.optimizer.apply(zeros, one.trainable_variables)
        after = values(one.trainable_variables)
        assert_equal([after[0], after[2]], [before[0], before[2]])
        np.testing.assert_allclose(after[1], before[1] / 2, atol=1e-6)


def test_names_of_what_does_not_decay_are_saved_before_the_first_step(linear_model):
    model = linear_model()
    optimizer = PartitionedOptimizer.of(model, focus=SGD(0.5), classifier=SGD(0.1))
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    assert optimizer.get_config()["undecayed"] == ["bias"]
    optimizer.exclude_from_weight_decay(var_list=model.trainable_variables[:1])
    with pytest.warns(UserWarning, match="^partitioned_optimizer is saved before it is built"):
        optimizer.get_config()
